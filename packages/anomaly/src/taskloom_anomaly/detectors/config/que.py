"""The quantum-entropy detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class QuantumEntropy(Detector):
    """Weights whitened directions by how much the untrusted data spreads along them."""

    kind: Literal["que"] = "que"
    alpha: Annotated[float, Field(ge=0)] = 4.0
    """How sharply the untrusted spread is weighted: 0 gives Mahalanobis, infinity its one widest direction."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Leading trusted directions kept; 0 keeps all that are not null."""
    rcond: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    """Directions whose trusted variance is below this share of the largest are null and dropped."""

    @property
    def needs(self) -> frozenset[Need]:
        """Both splits."""
        return frozenset({"activations", "trusted", "untrusted"})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.que import build

        return build(self)
