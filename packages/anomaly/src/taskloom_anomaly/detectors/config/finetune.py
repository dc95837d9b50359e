"""The finetuning detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Finetune(Detector):
    """How much the output changes when a copy of the model is trained on with trusted data."""

    kind: Literal["finetune"] = "finetune"
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""

    @property
    def needs(self) -> frozenset[Need]:
        """The model itself."""
        return frozenset({"inputs", "logits", "handle", "trusted"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.finetune import FinetuneDetector

        return FinetuneDetector(self)
