"""The maximum-logit detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class MaxLogit(Detector):
    """The largest logit, negated."""

    kind: Literal["maxlogit"] = "maxlogit"

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.output import OutputDetector, max_logit

        return OutputDetector(max_logit)
