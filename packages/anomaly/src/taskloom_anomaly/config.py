"""The configs of the anomaly domain: the fields that every task has, and those of the training of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Protocol, Self, TypeAlias, runtime_checkable

from pydantic import Field, model_validator
from taskloom.config import Component, Config, ExecutionOnly, OneOf

from taskloom_anomaly.detectors.base import Detector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis

AxesOf: TypeAlias = Annotated[str, Field(pattern=r"^.+=[ntd.]+$")]
"""The meaning of a layer's axes: its name, an equals sign, and a letter for each axis."""

Reduction: TypeAlias = Literal[
    "auto", "none", "flatten", "mean", "max", "mean_max", "last", "first", "last_token"
]
"""From positions to one vector; `last_token` is the earlier name of `last`."""

Regime: TypeAlias = Literal["auto", "trusted", "trusted_untrusted", "untrusted", "labelled"]


@runtime_checkable
class Fitting(Protocol):
    """A component that knows the tasks that it fits: a detector, a network, a trigger, an attack."""

    def check(self, config: Config, /) -> str:
        """Return the reason why the task with this config cannot use it, or an empty string."""
        ...


class AnomalyConfig(Config):
    """The fields of every task beside those of the problem: a detector, and the way its scores are made and judged."""

    detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis()
    """Detector over the network's activations."""
    layers: tuple[str, ...] = ()
    """Layers to watch, by name or pattern (`h.*`); none means the blocks of the trunk, what runs after it, and the logits."""
    axes: tuple[AxesOf, ...] = ()
    """Axes of layers that cannot be found out, such as `encoder=tnd`: n samples, t positions, d features, a dot for others."""
    logits: str = ""
    """Layer that holds the class scores, where the network's output is none."""
    reduction: Reduction = "auto"
    """Reduction of positions to one feature vector, under the mask; auto: the last token of causal sequences, else mean and
    maximum; none scores every position."""
    aggregate: Literal["max", "mean", "top3"] = "max"
    """Score of a sample from those of its positions, where every position is scored."""
    regime: Regime = "auto"
    """Data that the detector may see: trusted samples, an unlabelled untrusted mixture, both, or labels (skylines only); auto gives
    it what it needs."""
    fusion: Literal["auto", "mean", "max", "sum", "cauchy", "harmonic", "min_p"] = "auto"
    """Fusion of layers to one score: mean or maximum of scores standardised on held-out data; the sum of scores as they are, for squared
    distances; or the Cauchy combination, the harmonic mean or the least of their p-values; auto: the sum for the Mahalanobis family, else the mean."""
    calibration_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the trusted samples held out of the fit to standardise scores."""
    contamination: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of the trusted samples replaced by anomalous ones: a stress test."""
    batch_size: Annotated[int, Field(gt=0)] = 1024
    """Samples per forward pass."""
    activations: Annotated[Path | None, ExecutionOnly()] = None
    """Folder in which activations are kept, so that further detectors on the same network and data need no forward pass."""
    baselines: bool = True
    """Also judge detectors that see only the input, or only the predicted class, for the validity card."""

    @model_validator(mode="after")
    def _components_fit(self) -> Self:
        """Refuse a component that does not fit the task, with its own reason."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            reason = value.check(self) if isinstance(value, Fitting) else ""
            if reason:
                raise ValueError(reason)
        return self


class Training(Component):
    """Training of a network by Adam (AdamW with a decay) on shuffled full batches."""

    epochs: Annotated[int, Field(gt=0)] = 10
    """Passes over the data."""
    batch_size: Annotated[int, Field(gt=0)] = 128
    """Samples per step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Step size."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW's decay."""
    schedule: Literal["constant", "one_cycle"] = "constant"
    """Step size over the training: constant, or rising over the first three tenths and falling to nothing over the rest."""
    checkpoint_every: Annotated[int, Field(gt=0)] = 5
    """Epochs between checkpoints; one is also written when the run is asked to stop."""
