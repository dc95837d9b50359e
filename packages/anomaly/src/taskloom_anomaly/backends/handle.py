"""The interface of a network of any framework: named activations, gradients, training steps, parameters.

Arrays go in and come out as numpy arrays; a handle moves them to its own device. In every activation the feature axis is
the last one, whatever the framework's layout: dense `(n, d)`, convolution `(n, height, width, channels)`, sequence
`(n, positions, d)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int, PyTree, Shaped

Loss: TypeAlias = Literal["cross_entropy", "binary", "squared"]


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A layer that can be watched.

    Attributes:
        name: The module's path, joined by dots; its output unless the name ends in `.input`.
        shape: Shape of one sample's activation, features last; as the network returns it where the features are not known.
        letters: The shape as the network returns it, with n for samples and d for features: `(n, 24, d=8)`.
        evidence: The way in which the axis of the features was found; empty where it was not.
        precision: The precision in which the network computes it: `float32`, `bfloat16`.
    """

    name: str
    shape: tuple[int, ...]
    letters: str = ""
    evidence: str = ""
    precision: str = ""

    @property
    def width(self) -> int:
        """Number of features."""
        return self.shape[-1] if self.shape else 1


@dataclass(frozen=True)
class ReadAs:
    """The user's word about a network, where it is not to be found out.

    Attributes:
        axes: Letters for the axes of activations by name: n samples, t positions, d features, a dot for others.
        logits: The activation that holds the class scores; empty for the output.
    """

    axes: Mapping[str, str] = field(default_factory=dict)
    logits: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """Result of one forward pass.

    Attributes:
        logits: The network's output, one row a sample; zero columns when they were not asked for.
        activations: Activations by layer name, features last.
    """

    logits: Float[np.ndarray, "n classes"]
    activations: Mapping[str, Float[np.ndarray, "n ..."]]


@dataclass(frozen=True, slots=True)
class Head:
    """The last linear layer: `logits = features @ weights.T + bias`.

    Attributes:
        layer: The layer whose activation enters it.
        weights: One row a class.
        bias: One entry a class.
    """

    layer: str
    weights: Float[np.ndarray, "classes d"]
    bias: Float[np.ndarray, " classes"]


class Trainer(Protocol):
    """Training in progress: a network and its optimizer."""

    def run_epoch(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        targets: Shaped[np.ndarray, "n ..."],
        batches: Int[np.ndarray, "steps batch"],
    ) -> tuple[float, float]:
        """Take one step per row of `batches` (indices into `inputs`); return mean loss and accuracy."""
        ...

    def one_cycle(self, steps: int) -> None:
        """Let the step size rise and fall once over so many steps; asked for before the first."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next epoch depends on."""
        ...

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a state."""
        ...

    def model(self) -> ModelHandle:
        """The network as it is now."""
        ...


@runtime_checkable
class ModelHandle(Protocol):
    """A trained network, whatever framework it is written in."""

    @property
    def layers(self) -> Mapping[str, LayerInfo]:
        """Every layer that can be watched, in the order in which they run."""
        ...

    @property
    def default_layers(self) -> tuple[str, ...]:
        """The outputs of the top-level modules: what is watched unless the user says otherwise."""
        ...

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the code and the parameters; equal handles compute the same function."""
        ...

    def forward(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        layers: Sequence[str] = (),
        *,
        logits: bool = True,
    ) -> Forward:
        """Run the network and keep the named activations.

        Without logits the pass ends as soon as the last of `layers` is known.
        """
        ...

    def input_gradient(
        self, inputs: Float[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n ..."], Float[np.ndarray, " n"]]:
        """Return the gradient of each sample's cross entropy with respect to its input, and the cross entropies."""
        ...

    def parameters(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by dotted path."""
        ...

    def tree(self) -> PyTree:
        """Parameters in the framework's own form: linen's variables, nnx's state, torch's state dictionary."""
        ...

    def logits(
        self, parameters: Mapping[str, np.ndarray], inputs: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, "n classes"]:
        """Return the logits under other parameters."""
        ...

    def loss_gradient(
        self,
        parameters: Mapping[str, np.ndarray],
        inputs: Shaped[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Return the mean cross entropy [nat] under other parameters, and its gradient by parameter name."""
        ...

    def with_parameters(self, parameters: Mapping[str, np.ndarray]) -> ModelHandle:
        """The same network with other parameters."""
        ...

    def trainer(
        self,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        loss: Loss = "cross_entropy",
        seed: int = 0,
    ) -> Trainer:
        """Start training a copy with AdamW (Adam when `weight_decay` is 0); the handle itself never changes."""
        ...
