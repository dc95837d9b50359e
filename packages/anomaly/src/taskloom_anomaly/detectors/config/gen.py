"""The generalised-entropy detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Gen(Detector):
    """Generalised entropy of the largest softmax probabilities."""

    kind: Literal["gen"] = "gen"
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Exponent; smaller values weigh small probabilities more."""
    top: Annotated[int, Field(ge=1)] = 100
    """Classes summed over, the most probable first."""

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.output import OutputDetector, generalised_entropy

        return OutputDetector(lambda logits: generalised_entropy(logits, self.gamma, self.top))
