"""The supervised probe's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Probe(Detector):
    """Logistic regression on labelled anomalies: a skyline, since no detector is given labels."""

    kind: Literal["probe"] = "probe"
    layer: str = ""
    """The layer it reads; empty gives every layer a probe of its own."""
    c: Annotated[float, Field(gt=0)] = 1.0
    """Inverse strength of the penalty |w|^2 / 2."""
    standardize: bool = True
    """Whether features are first centred and divided by their standard deviation."""

    @property
    def needs(self) -> frozenset[Need]:
        """Labels: for skylines only."""
        return frozenset({"activations", "untrusted", "anomaly_labels"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.probe import ProbeDetector

        return ProbeDetector(self)
