"""What a detector reads, and the two forms a detector comes in.

A detector gives sample x a score s_l(x) for every layer l it watches; **higher is more anomalous**, and the score of x does
not depend on which other samples are in the batch.

Streaming detectors see the data once, batch by batch, in memory that does not grow with the number of samples:

    state = detector.init(spec, seed)
    for batch in stream.batches("trusted"):
        state = detector.update(state, batch, "trusted")
    fitted = detector.finalize(state)
    scores = detector.score(fitted, batch)          # {layer: (n,)}

`merge(a, b)` joins the states of two shards. Trained detectors need several passes and have `fit(stream, spec, seed)` in place
of the first four. `detectors.driver` runs either form; nobody else needs to tell them apart.

State and fitted are flat dictionaries of arrays, so either is one safetensors file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Tensors: TypeAlias = dict[str, np.ndarray]
"""Arrays by name; a name is `<layer>/<quantity>`, the quantity without a slash."""

Scores: TypeAlias = dict[str, np.ndarray]
"""Layer name to float64 scores of shape (n,). Detectors that are not about one layer use the names below."""

Split: TypeAlias = Literal["trusted", "untrusted"]
"""Trusted samples are normal by assumption; untrusted ones are an unlabelled mixture."""

Need: TypeAlias = Literal[
    "activations", "logits", "inputs", "head", "handle", "trusted", "untrusted", "anomaly_labels"
]
"""What a detector cannot do without; `head` and `handle` are fields of `FeatureSpec`."""

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
    """What is known about a batch of n samples.

    Attributes:
        activations: Layer name to activations, feature axis last: shape (n, d), or (n, p, d) for a layer with p positions
            (pixels, tokens); a sample's score is then the mean over its positions.
        logits: The model's output before the softmax, shape (n, K).
        inputs: What went into the model, shape (n, ...).
        labels: Class of each sample as the task defines it, shape (n,); not whether it is anomalous.
        anomalous: Whether each sample is anomalous, shape (n,); given to detectors that need `anomaly_labels` only.
        handle: The model these features came from, for detectors that need `handle` when they score.
    """

    activations: Mapping[str, Float[np.ndarray, "n *positions d"]] = field(default_factory=dict)
    logits: Float[np.ndarray, "n K"] | None = None
    inputs: Shaped[np.ndarray, "n ..."] | None = None
    labels: Int[np.ndarray, " n"] | None = None
    anomalous: Bool[np.ndarray, " n"] | None = None
    handle: TrainableHandle | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        if self.logits is not None:
            return len(self.logits)
        if self.inputs is not None:
            return len(self.inputs)
        return len(next(iter(self.activations.values()), ()))


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What is known about the features before the first batch.

    Attributes:
        widths: Layer name to the size d of its feature axis, in the order the model computes them.
        num_classes: Classes K of the output; 0 when the model does not classify.
        head_layer: The layer that feeds the last linear map; empty when there is none.
        head_weight: Weights W of the last layer, logits = h W^T + b.
        head_bias: Bias b of the last layer.
        handle: The model itself, for detectors that need gradients or training.
    """

    widths: Mapping[str, int]
    num_classes: int = 0
    head_layer: str = ""
    head_weight: Float[np.ndarray, "K d"] | None = None
    head_bias: Float[np.ndarray, " K"] | None = None
    handle: TrainableHandle | None = None


@runtime_checkable
class Stream(Protocol):
    """Batches of features that can be read more than once, always in the same order."""

    def batches(self, split: Split, /) -> Iterable[Features]:
        """Yield the split's batches; nothing when the task has no such split."""
        ...


@runtime_checkable
class StreamingDetector(Protocol):
    """A detector that sees every sample once; all methods are pure functions of their arguments."""

    @property
    def needs(self) -> frozenset[Need]:
        """What the detector cannot do without."""
        ...

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the state before the first batch."""
        ...

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""
        ...

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""
        ...

    def finalize(self, state: Tensors) -> Tensors:
        """Return what scoring needs.

        Raises:
            ValueError: If the samples seen are too few; the message says how many there are and how many are needed.
        """
        ...

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch by layer, each of shape (n,), higher for more anomalous."""
        ...


@runtime_checkable
class TrainedDetector(Protocol):
    """A detector that needs several passes over the data."""

    @property
    def needs(self) -> frozenset[Need]:
        """What the detector cannot do without."""
        ...

    def fit(self, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return what scoring needs."""
        ...

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch by layer, each of shape (n,), higher for more anomalous."""
        ...


AnyDetector: TypeAlias = StreamingDetector | TrainedDetector
