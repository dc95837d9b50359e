"""The base of every detector, and the records that go into one and come out.

A detector gives sample x a score s_l(x) for every layer l it watches; **higher is more anomalous**, and the score of x does
not depend on which other samples are in the batch. Its fields are parameters and its methods arithmetic: a detector keeps no
state, what it learns is a flat dictionary of arrays (`Tensors`), which is one safetensors file.

Streaming detectors see the data once, batch by batch, in memory that does not grow with the number of samples:

    state = detector.init(spec, seed)
    for batch in stream.batches("trusted"):
        state = detector.update(state, batch, "trusted")
    fitted = detector.finalize(state)
    scores = detector.score(fitted, batch)          # {layer: (n,)}

`merge(a, b)` joins the states of two shards. Trained detectors need several passes and have `fit(stream, spec, seed)` in place
of the first four. `detectors.fit` runs either form; nothing else has to distinguish them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from taskloom.config import Component, Config

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped

    from taskloom_anomaly.data.named import Inputs

GROUP: Final = "taskloom_anomaly.detectors"
"""The entry-point group in which detectors are registered."""

Tensors: TypeAlias = dict[str, np.ndarray]
"""Arrays by name; a name is `<layer>/<quantity>`, the quantity without a slash."""

Scores: TypeAlias = dict[str, np.ndarray]
"""Layer name to float64 scores of shape (n,). Detectors that are not about one layer use the names below."""

Split: TypeAlias = Literal["trusted", "untrusted"]
"""Trusted samples are normal by assumption; untrusted ones are an unlabelled mixture."""

Need: TypeAlias = Literal[
    "activations", "logits", "inputs", "head", "handle", "trusted", "untrusted", "anomaly_labels"
]
"""An input that a detector may require; `head` and `handle` are fields of `FeatureSpec`."""

OUTPUT = "logits"
"""The layer name of scores that are read off the model's output."""
INPUT = "inputs"
"""The layer name of scores that are read off the model's input."""
ALL_LAYERS = "all"
"""The layer name of scores that are read off several layers at once."""


@runtime_checkable
class TrainableHandle(Protocol):
    """A model that a detector may run and train; parameters are a flat dictionary of float arrays."""

    def parameters(self) -> Tensors:
        """Return a copy of the model's parameters."""
        ...

    def logits(self, parameters: Tensors, inputs: Shaped[np.ndarray, "n ..."]) -> np.ndarray:
        """Return the logits, shape (n, K), under the given parameters."""
        ...

    def loss_gradient(
        self,
        parameters: Tensors,
        inputs: Shaped[np.ndarray, "n ..."],
        labels: Int[np.ndarray, " n"],
    ) -> tuple[float, Tensors]:
        """Return the mean cross-entropy [nat] of the batch and its gradient by parameter name."""
        ...


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a batch of n samples.

    Attributes:
        activations: Layer name to activations, feature axis last: shape (n, d), or (n, p, d) for a layer with p positions
            (pixels, tokens); a sample's score is then the mean over its positions.
        logits: The model's output before the softmax, shape (n, K).
        inputs: The model's inputs, shape (n, ...).
        labels: Class of each sample as the task defines it, shape (n,); not whether it is anomalous.
        anomalous: Whether each sample is anomalous, shape (n,); given to detectors that need `anomaly_labels` only.
        handle: The model these features came from, for detectors that need `handle` when they score.
        mask: The positions that are real, shape (n, t), where some may be padding.
    """

    activations: Mapping[str, Float[np.ndarray, "n *positions d"]] = field(default_factory=dict)
    logits: Float[np.ndarray, "n K"] | None = None
    inputs: Inputs | None = None
    labels: Int[np.ndarray, " n"] | None = None
    anomalous: Bool[np.ndarray, " n"] | None = None
    handle: TrainableHandle | None = None
    mask: Bool[np.ndarray, "n t"] | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        # Activations come last: a detector of the output or of the input may be shown none.
        if self.logits is not None:
            return len(self.logits)
        if self.inputs is not None:
            return len(self.inputs)
        return len(next(iter(self.activations.values()), ()))


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """The shape of the features, known before the first batch, and the model's head.

    Attributes:
        widths: Layer name to the size d of its feature axis, in the order the model computes them.
        num_classes: Classes K of the output; 0 when the model does not classify.
        head_layer: The layer that feeds the last linear map; empty when there is none.
        head_weight: Weights W of the last layer, logits = h W^T + b.
        head_bias: Bias b of the last layer.
        handle: The model itself, for detectors that need gradients or training.
        precisions: Layer name to the precision in which the network computes it, where that is known: `float32`, `bfloat16`.
    """

    widths: Mapping[str, int]
    num_classes: int = 0
    head_layer: str = ""
    head_weight: Float[np.ndarray, "K d"] | None = None
    head_bias: Float[np.ndarray, " K"] | None = None
    handle: TrainableHandle | None = None
    precisions: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class FeatureStream(Protocol):
    """Batches of features that can be read more than once, always in the same order."""

    def batches(self, split: Split, /) -> Iterable[Features]:
        """Yield the split's batches; nothing when the task has no such split."""
        ...


@runtime_checkable
class PositionScorer(Protocol):
    """A detector that scores every position of a sample, such as the tokens of a text."""

    def score_positions(self, fitted: Tensors, features: Features, /) -> Scores:
        """Return the scores of every position by layer, shape (n, positions); NaN for positions that are not read."""
        ...


class Detector(Component):
    """A detector by its parameters.

    A subclass declares `kind` as a `Literal` of its registered name and derives from `StreamingDetector`, `TrainedDetector` or,
    where all layers are treated alike, `LayerwiseDetector`.
    """

    reads_positions: ClassVar[bool] = False
    """True for a detector that makes something of a layer's positions itself."""
    adds_up: ClassVar[bool] = False
    """True for scores that are squared distances or logarithms of densities, whose sum over layers has a meaning."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: object) -> None:
        """Refuse a class that declares `adds_up` as anything but True or False: a field, a property or a method would count as True, or not at all.

        Raises:
            TypeError: It does; the sentence has the line that is meant.
        """
        super().__pydantic_init_subclass__(**options)
        if "adds_up" in cls.model_fields or not isinstance(cls.adds_up, bool):
            raise TypeError(
                f"{cls.__name__} declares adds_up otherwise than `adds_up: ClassVar[bool] = True`, the form in which it is read."
            )

    @property
    def needs(self) -> frozenset[Need]:
        """Inputs that the detector requires; known before anything heavy is imported."""
        return frozenset({"activations", "trusted"})

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return the reason why no task with such a config can use the detector, or an empty string; imports nothing heavy."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return the reason why the task with this config cannot use the detector, or an empty string."""
        return self.fits(type(config))

    @abstractmethod
    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch by layer, each of shape (n,), higher for more anomalous."""


class StreamingDetector(Detector):
    """A detector that sees every sample once; all methods are pure functions of their arguments."""

    @abstractmethod
    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the state before the first batch."""

    @abstractmethod
    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""

    @abstractmethod
    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""

    @abstractmethod
    def finalize(self, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads.

        Raises:
            ValueError: If the samples seen are too few; the message says how many there are and how many are needed.
        """


class TrainedDetector(Detector):
    """A detector that needs several passes over the data."""

    @abstractmethod
    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the tensors that scoring reads."""
