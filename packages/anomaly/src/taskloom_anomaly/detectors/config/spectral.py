"""The spectral-signature detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.protocol import Need, StreamingDetector


class Spectral(Detector):
    """Squared projection on the widest directions of the untrusted activations; needs no trusted data."""

    kind: Literal["spectral"] = "spectral"
    rank: Annotated[int, Field(ge=1)] = 1
    """Widest directions kept."""

    @property
    def needs(self) -> frozenset[Need]:
        """The untrusted split only."""
        return frozenset({"activations", "untrusted"})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.spectral import build

        return build(self)
