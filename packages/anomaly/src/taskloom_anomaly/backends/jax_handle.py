"""The handle over both flax APIs; what differs between linen and nnx is a `JaxNetwork` of three methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from taskloom_anomaly.backends import probe_inputs
from taskloom_anomaly.backends.axes import FEW, Axes, given
from taskloom_anomaly.backends.fingerprint import parameters_fingerprint, traced_code
from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss, ReadAs
from taskloom_anomaly.backends.layers import LayerTable, check_layers, require_known
from taskloom_anomaly.backends.names import canonical, place_of
from taskloom_anomaly.backends.tree import flatten_tree, unflatten_like
from taskloom_anomaly.backends.trunk import default_names


class JaxNetwork(Protocol):
    """A network as a pure function of its parameters."""

    @property
    def code(self) -> str:
        """Text that changes when the network's code or hyper-parameters change."""
        ...

    def tree(self, parameters: PyTree, buffers: PyTree) -> PyTree:
        """Return both in the form that the framework calls parameters."""
        ...

    def __call__(
        self,
        parameters: PyTree,
        buffers: PyTree,
        inputs: Array,
        *,
        wanted: frozenset[str] | None,
        training: bool,
        key: Array,
        kinds: dict[str, str] | None = None,
    ) -> tuple[Array, dict[str, Array], PyTree]:
        """Return logits, the wanted activations (all of them when None), and the buffers after the pass.

        The class of each module by path is put into `kinds`.
        """
        ...


@partial(jax.jit, static_argnums=(0,), static_argnames=("layers", "logits"))
def _forward(
    network: JaxNetwork,
    parameters: PyTree,
    buffers: PyTree,
    inputs: Array,
    *,
    layers: tuple[str, ...],
    logits: bool,
) -> tuple[Array, dict[str, Array]]:
    output, activations, _ = network(
        parameters,
        buffers,
        inputs,
        wanted=frozenset(layers),
        training=False,
        key=jax.random.key(0),
    )
    # What is not returned is dead code to XLA: leaving the logits out ends the pass at the last watched layer.
    return (output if logits else jnp.zeros((len(inputs), 0))), activations


def _evaluate(network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: Array) -> Array:
    logits, _, _ = network(
        parameters,
        buffers,
        inputs,
        wanted=frozenset(),
        training=False,
        key=jax.random.key(0),
    )
    return logits


@partial(jax.jit, static_argnums=(0,))
def _gradient(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: Array, labels: Array
) -> tuple[Array, Array]:
    def total(batch: Array) -> tuple[Array, Array]:
        logits = _evaluate(network, parameters, buffers, batch)
        losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]
        return losses.sum(), losses

    gradient, losses = jax.grad(total, has_aux=True)(inputs)
    return gradient, losses


@partial(jax.jit, static_argnums=(0,))
def _loss_gradient(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: Array, labels: Array
) -> tuple[Array, PyTree]:
    def mean_loss(p: PyTree) -> Array:
        logits = _evaluate(network, p, buffers, inputs)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    return jax.value_and_grad(mean_loss)(parameters)


@dataclass(frozen=True, eq=False)
class JaxHandle:
    """A flax network with its parameters; implements `ModelHandle`.

    Attributes:
        network: The pure function.
        variables: Trained parameters.
        buffers: What is not trained: running statistics.
        example: One input, `(1, ...)`; fixes shapes and dtype.
        said: What the user says about axes.
    """

    network: JaxNetwork
    variables: PyTree
    buffers: PyTree
    example: Shaped[np.ndarray, "1 ..."]
    said: ReadAs = field(default_factory=ReadAs)

    @cached_property
    def _traced(self) -> tuple[Any, dict[str, Any], str]:
        """Shapes of the logits and of every activation, and what the network computes as text, from one trace."""
        order: list[str] = []

        def probe(
            parameters: PyTree, buffers: PyTree, inputs: Array
        ) -> tuple[Array, dict[str, Array]]:
            output, activations, _ = self.network(
                parameters,
                buffers,
                inputs,
                wanted=None,
                training=False,
                key=jax.random.key(0),
                kinds=self._kinds,
            )
            # JAX sorts dictionaries; the order of execution is lost outside.
            order.extend(activations)
            # In a trace, what a module passes on unchanged is the same object.
            self._objects.update({name: id(value) for name, value in activations.items()})
            return output, activations

        trace, (output, shapes) = jax.make_jaxpr(probe, return_shape=True)(
            self.variables, self.buffers, self.example
        )
        return output, {name: shapes[name] for name in order}, traced_code(trace)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return {}

    @cached_property
    def _objects(self) -> dict[str, int]:
        return {}

    @cached_property
    def _axes(self) -> dict[str, Axes]:
        """The axes of every activation: samples where the extent grows with them, features last, as in every layer of flax."""
        few = jnp.zeros((FEW, *self.example.shape[1:]), self.example.dtype)

        def shapes(parameters: PyTree, buffers: PyTree, inputs: Array) -> dict[str, Array]:
            return self.network(
                parameters,
                buffers,
                inputs,
                wanted=None,
                training=False,
                key=jax.random.key(0),
            )[1]

        found = jax.eval_shape(shapes, self.variables, self.buffers, few)
        return {
            name: _axes_of(tuple(one.shape), tuple(found[name].shape))
            for name, one in self._traced[1].items()
            if name in found
        }

    def axes(self, name: str) -> Axes:
        """Return the axes of an activation, as the user says, else as its shapes do."""
        name = canonical(name, self._axes)
        letters = self.said.axes.get(name)
        return given(letters, self._axes[name].shape, name) if letters else self._axes[name]

    def info(self, name: str) -> LayerInfo:
        """Return what is known of an activation."""
        axes = self.axes(name)
        shape = axes.sample_shape if axes.known else axes.shape
        kind = self._traced[1][canonical(name, self._axes)].dtype
        return LayerInfo(name, shape, axes.letters, axes.evidence, str(kind))

    @cached_property
    def _listed(self) -> tuple[str, ...]:
        places = {name: place_of(name) for name in self._traced[1]}
        return tuple(n for n, own in places.items() if own.name == n and not own.entering)

    @cached_property
    def layers(self) -> Mapping[str, LayerInfo]:
        """The outputs of all calls of modules that have an axis of samples."""
        names = [name for name in self._listed if self._axes[name].sample is not None]
        return LayerTable(names, self.info)

    @property
    def flat_layers(self) -> tuple[str, ...]:
        """All activations that enter or leave a call with two axes."""
        axes = self._axes
        return tuple(name for name in axes if axes[name].known and len(axes[name].shape) == 2)

    @cached_property
    def default_layers(self) -> tuple[str, ...]:
        """The trunk, what runs after it, and the logits."""
        listed, objects = self._listed, self._objects
        kept: set[int] = set()

        def usable(name: str) -> bool:
            own = objects[name]
            if own == objects.get(f"{name}@in") or own in kept or not self.axes(name).known:
                return False
            kept.add(own)
            return True

        return default_names(listed, self._kinds, usable)

    @cached_property
    def is_causal(self) -> bool:
        """True if later tokens never change what earlier ones gave, and earlier ones change what later ones give."""
        length = probe_inputs.token_axis(self.example)
        layers = [n for n in self.default_layers if self.layers[n].shape[:-1] == (length,)]
        if length < 2 or not layers:
            return False
        samples = probe_inputs.five(self.example)[:4]
        base, first, last = (
            self.forward(rows, layers, logits=False).activations
            for rows in (
                samples,
                probe_inputs.with_other_step(samples, 0),
                probe_inputs.with_other_step(samples, length - 1),
            )
        )
        if any((last[n] - base[n])[:, :-1].any() for n in layers):
            return False
        return any((first[n] - base[n])[:, 1:].any() for n in layers)

    def check_layers(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the layers asked for, patterns expanded.

        Raises:
            UnknownNameError: There is none of that name.
            ConfigError: It has no axis of samples.
        """
        names = check_layers(asked, self._listed, self._axes)
        for name in names:
            require_known(name, self.axes(name))
        return names

    @property
    def num_outputs(self) -> int:
        """Width of the logits; 0 where the network gives no class scores."""
        shape = self._traced[0].shape
        return int(shape[-1]) if len(shape) == 2 else 0

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the network returns, for messages."""
        return tuple(self._traced[0].shape)

    @cached_property
    def _fingerprint(self) -> str:
        code = f"{self.network.code}\n{self._traced[2]}"
        return parameters_fingerprint(code, self.parameters())

    @property
    def fingerprint(self) -> str:
        """Hash of what is computed and with which parameters."""
        return self._fingerprint

    def forward(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        layers: Sequence[str] = (),
        *,
        logits: bool = True,
    ) -> Forward:
        """Run the network; batches are padded to a power of two so that few shapes are compiled."""
        names = self.check_layers(layers)
        n = len(inputs)
        wanted = {name: canonical(name, self._axes) for name in names}
        output, activations = _forward(
            self.network,
            self.variables,
            self.buffers,
            padded(inputs),
            layers=tuple(wanted.values()),
            logits=logits and self.num_outputs > 0,
        )
        found = {
            name: self.axes(name).arrange(np.asarray(activations[own]))[:n]
            for name, own in wanted.items()
        }
        return Forward(np.asarray(output)[:n], found)

    def input_gradient(
        self, inputs: Float[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n ..."], Float[np.ndarray, " n"]]:
        """Gradient of each sample's cross entropy, and the cross entropies."""
        n = len(inputs)
        gradient, losses = _gradient(
            self.network, self.variables, self.buffers, padded(inputs), padded(labels)
        )
        return np.asarray(gradient)[:n], np.asarray(losses)[:n]

    def parameters(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by dotted path."""
        return {
            **flatten_tree(self.variables),
            **{f"buffers:{k}": v for k, v in flatten_tree(self.buffers).items()},
        }

    def tree(self) -> PyTree:
        """Linen's variables, or nnx's state."""
        return self.network.tree(self.variables, self.buffers)

    def logits(
        self, parameters: Mapping[str, np.ndarray], inputs: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, "n classes"]:
        """Logits under other parameters."""
        return self.with_parameters(parameters).forward(inputs).logits

    def loss_gradient(
        self,
        parameters: Mapping[str, np.ndarray],
        inputs: Shaped[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Mean cross entropy under other parameters, and its gradient."""
        other = self.with_parameters(parameters)
        value, gradient = _loss_gradient(
            self.network, other.variables, other.buffers, inputs, labels
        )
        return float(value), flatten_tree(gradient)

    def with_parameters(self, parameters: Mapping[str, np.ndarray]) -> JaxHandle:
        """The same network with other parameters."""
        own = {k: v for k, v in parameters.items() if not k.startswith("buffers:")}
        rest = {k.removeprefix("buffers:"): v for k, v in parameters.items() if k not in own}
        return replace(
            self,
            variables=unflatten_like(self.variables, own),
            buffers=unflatten_like(self.buffers, rest),
        )

    def reading(self, said: ReadAs) -> JaxHandle:
        """The same network, read as the user says."""
        return replace(self, said=said)

    def trainer(
        self,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        loss: Loss = "cross_entropy",
        seed: int = 0,
    ) -> Any:  # noqa: ANN401 -- a Trainer; naming the class would import optax with every handle
        """Start training a copy."""
        from taskloom_anomaly.backends.jax_trainer import JaxTrainer  # optax is heavy

        return JaxTrainer(self, learning_rate, weight_decay, loss, seed)


def _axes_of(one: tuple[int, ...], few: tuple[int, ...]) -> Axes:
    """Return the axes of an activation from its shapes for one sample and for `FEW`."""
    if len(one) != len(few):
        return Axes(few, refusal="its shape depends on the samples")
    grown = [i for i in range(len(one)) if one[i] != few[i]]
    if not grown:
        return Axes(few, refusal=f"it is the same for every sample: its shape is {few}")
    if len(grown) > 1 or few[grown[0]] != FEW:
        return Axes(few, refusal=f"no axis counts samples: {one} for 1 sample, {few} for {FEW}")
    last = len(few) - 1
    feature = last if grown[0] != last else (0 if len(few) == 2 else None)
    return Axes(few, grown[0], feature, evidence="flax" if len(few) > 2 else "two axes")


def padded(array: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "m ..."]:
    """Return the array with zeros appended up to a power of two, so that few shapes are compiled."""
    n = len(array)
    size = 1 << max(n - 1, 0).bit_length()
    if size == n:
        return array
    return np.concatenate([array, np.zeros((size - n, *array.shape[1:]), array.dtype)])
