"""The energy detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Energy(Detector):
    """The free energy of the logits, - T log sum exp(l / T)."""

    kind: Literal["energy"] = "energy"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """T."""

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.output import OutputDetector, energy

        return OutputDetector(lambda logits: energy(logits, self.temperature))
