"""The maximum-softmax-probability detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Msp(Detector):
    """The largest softmax probability, negated."""

    kind: Literal["msp"] = "msp"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the logits."""

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.output import OutputDetector, max_softmax

        return OutputDetector(lambda logits: max_softmax(logits, self.temperature))
