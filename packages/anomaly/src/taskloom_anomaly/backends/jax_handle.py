"""The handle over both flax APIs; what differs between linen and nnx is a `JaxNetwork` of three methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from taskloom_anomaly.backends.fingerprint import parameters_fingerprint, traced_code
from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss
from taskloom_anomaly.backends.layers import check_layers, top_level
from taskloom_anomaly.backends.tree import flatten_tree, unflatten_like


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
    ) -> tuple[Array, dict[str, Array], PyTree]:
        """Return logits, the wanted activations (all of them when None), and the buffers after the pass."""
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
    return (output if logits else output[:, :0]), activations


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
    """

    network: JaxNetwork
    variables: PyTree
    buffers: PyTree
    example: Shaped[np.ndarray, "1 ..."]

    @cached_property
    def _shapes(self) -> tuple[Any, dict[str, Any]]:
        return self._traced[:2]

    @cached_property
    def _traced(self) -> tuple[Any, dict[str, Any], str]:
        """Shapes of the logits and of every activation, and what the network computes as text, from one trace."""
        order: list[str] = []

        def probe(
            parameters: PyTree, buffers: PyTree, inputs: Array
        ) -> tuple[Array, dict[str, Array]]:
            output, activations, _ = self.network(
                parameters, buffers, inputs, wanted=None, training=False, key=jax.random.key(0)
            )
            order.extend(
                activations
            )  # JAX sorts dictionaries; the order of execution is lost outside
            return output, activations

        trace, (output, shapes) = jax.make_jaxpr(probe, return_shape=True)(
            self.variables, self.buffers, self.example
        )
        return output, {name: shapes[name] for name in order}, traced_code(trace)

    @property
    def layers(self) -> Mapping[str, LayerInfo]:
        """Every module's input and output."""
        return {name: LayerInfo(name, tuple(a.shape[1:])) for name, a in self._shapes[1].items()}

    @property
    def default_layers(self) -> tuple[str, ...]:
        """Outputs of the top-level modules."""
        return top_level(self.layers)

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return int(self._shapes[0].shape[-1])

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
        names = check_layers(layers, self.layers)
        n = len(inputs)
        output, activations = _forward(
            self.network,
            self.variables,
            self.buffers,
            padded(inputs),
            layers=names,
            logits=logits,
        )
        return Forward(
            np.asarray(output)[:n], {name: np.asarray(activations[name])[:n] for name in names}
        )

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


def padded(array: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "m ..."]:
    """Return the array with zeros appended up to a power of two, so that few shapes are compiled."""
    n = len(array)
    size = 1 << max(n - 1, 0).bit_length()
    if size == n:
        return array
    return np.concatenate([array, np.zeros((size - n, *array.shape[1:]), array.dtype)])
