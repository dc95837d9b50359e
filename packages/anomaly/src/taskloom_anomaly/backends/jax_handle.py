"""The handle over both flax APIs; what differs between linen and nnx is in a `JaxNetwork`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, PyTree, Shaped
from taskloom.errors import ConfigError

from taskloom_anomaly.backends import probe_inputs
from taskloom_anomaly.backends.axes import Axes, given
from taskloom_anomaly.backends.fingerprint import parameters_fingerprint
from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss, ReadAs
from taskloom_anomaly.backends.jax_network import (
    JaxNetwork,
    as_array,
    forward_pass,
    input_gradient,
    loss_gradient,
    padded,
)
from taskloom_anomaly.backends.jax_probe import JaxProbe
from taskloom_anomaly.backends.layers import LayerTable, check_layers, require_known
from taskloom_anomaly.backends.names import canonical, place_of
from taskloom_anomaly.backends.tree import flatten_tree, unflatten_like
from taskloom_anomaly.backends.trunk import default_names
from taskloom_anomaly.data.named import Inputs


@dataclass(frozen=True, eq=False)
class JaxHandle:
    """A flax network with its parameters; implements `ModelHandle`.

    Attributes:
        network: The pure function.
        variables: Trained parameters.
        buffers: What is not trained: running statistics.
        samples: Five inputs, on which evidence about the layers is found; they fix shapes and dtype.
        said: What the user says about axes.
        known: Axes that are known already: of the same network with other parameters.
    """

    network: JaxNetwork
    variables: PyTree
    buffers: PyTree
    samples: Inputs
    said: ReadAs = field(default_factory=ReadAs)
    known: Mapping[str, Axes] = field(default_factory=dict)

    @cached_property
    def _probe(self) -> JaxProbe:
        return JaxProbe(self.network, self.variables, self.buffers, self.samples, self.known)

    def axes(self, name: str) -> Axes:
        """Return the axes of an activation, as the user says, else as evidence does."""
        name = self.own_name(name)
        letters = self.said.axes.get(name)
        if letters:
            return given(letters, self._probe.axes[name].shape, name)
        return self._probe.resolve(name)

    def own_name(self, name: str) -> str:
        """Return the name of an activation, where an earlier version called it another."""
        return canonical(name, self._probe.axes)

    def info(self, name: str) -> LayerInfo:
        """Return what is known of an activation."""
        axes = self.axes(name)
        shape = axes.sample_shape if axes.known else axes.shape
        kind = self._probe.shapes[self.own_name(name)].dtype
        return LayerInfo(name, shape, axes.letters, axes.evidence, str(kind))

    @cached_property
    def layers(self) -> Mapping[str, LayerInfo]:
        """The outputs of all calls of modules that have an axis of samples."""
        axes = self._probe.axes
        names = [name for name in self._probe.listed if axes[name].sample is not None]
        return LayerTable(names, self.info)

    @property
    def listed_layers(self) -> tuple[str, ...]:
        """The outputs of all calls, of those that cannot be watched, too."""
        outputs = [name for name in self._probe.hidden if place_of(name).name == name]
        return (*self._probe.listed, *(n for n in outputs if not place_of(n).entering))

    def unusable(self, name: str) -> str:
        """Return why a layer is none that can be watched, or an empty string."""
        if name in self._probe.hidden:
            return self._probe.hidden[name]
        axes = self.axes(name)
        return axes.refusal or ("" if axes.known else "unknown features")

    @property
    def flat_layers(self) -> tuple[str, ...]:
        """All activations that enter or leave a call with two axes."""
        return tuple(
            name
            for name, axes in self._probe.axes.items()
            if axes.known and len(axes.shape) == 2 and axes.groups == 1
        )

    @cached_property
    def default_layers(self) -> tuple[str, ...]:
        """The trunk, what runs after it, and the logits."""
        digests = self._probe.digests
        kept: set[bytes] = set()

        def usable(name: str) -> bool:
            own = digests[name]
            if own == digests.get(f"{name}@in") or own in kept or not self.axes(name).known:
                return False
            kept.add(own)
            return True

        return default_names(self._probe.listed, self._probe.kinds, usable)

    @cached_property
    def is_causal(self) -> bool:
        """True if later tokens never change what earlier ones gave, and earlier ones change what later ones give."""
        length = probe_inputs.token_axis(self.samples)
        layers = [n for n in self.default_layers if self.layers[n].shape[:-1] == (length,)]
        if length < 2 or not layers:
            return False
        samples = self.samples[:4]
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
        for name in asked:
            if name in self._probe.hidden:
                raise ConfigError(f"Layer '{name}' cannot be watched: {self._probe.hidden[name]}.")
        names = check_layers(asked, self._probe.listed, self._probe.axes)
        # A pattern means those of its layers that can be watched.
        chosen = [n for n in names if n in asked or self.axes(n).known] or list(names)
        for name in chosen:
            require_known(name, self.axes(name))
        return tuple(chosen)

    @property
    def num_outputs(self) -> int:
        """Width of the logits; 0 where the network gives no class scores."""
        shape = self._probe.output.shape
        return int(shape[-1]) if len(shape) == 2 else 0

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the network returns, for messages."""
        return tuple(self._probe.output.shape)

    @cached_property
    def _fingerprint(self) -> str:
        return self._named_by(self._probe.code)

    @property
    def earlier_fingerprint(self) -> str:
        """Name of the network before texts of every length gave the same one: detectors were stored with it."""
        return self._named_by(self._probe.code_of_samples)

    def _named_by(self, operations: str) -> str:
        return parameters_fingerprint(f"{self.network.code}\n{operations}", self.parameters())

    @property
    def fingerprint(self) -> str:
        """Hash of what is computed and with which parameters."""
        return self._fingerprint

    def forward(
        self,
        inputs: Inputs,
        layers: Sequence[str] = (),
        *,
        logits: bool = True,
    ) -> Forward:
        """Run the network; batches are padded to a power of two so that few shapes are compiled."""
        names = self.check_layers(layers)
        n = len(inputs)
        wanted = {name: self.own_name(name) for name in names}
        output, activations = forward_pass(
            self.network,
            self.variables,
            self.buffers,
            padded(inputs),
            layers=tuple(wanted.values()),
            logits=logits and self.num_outputs > 0,
        )
        found = {
            name: self.axes(name).arrange(as_array(activations[own]))[:n]
            for name, own in wanted.items()
        }
        return Forward(as_array(output)[:n], found)

    def input_gradient(
        self, inputs: Float[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n ..."], Float[np.ndarray, " n"]]:
        """Gradient of each sample's cross entropy, and the cross entropies."""
        n = len(inputs)
        gradient, losses = input_gradient(
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
        value, gradient = loss_gradient(
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
            known=self._probe.resolved,
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
