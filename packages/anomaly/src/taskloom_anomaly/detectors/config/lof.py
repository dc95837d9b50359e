"""The local-outlier-factor detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import StreamingDetector


class Lof(Detector):
    """Local outlier factor among the trusted activations, in novelty form."""

    kind: Literal["lof"] = "lof"
    k: Annotated[int, Field(ge=1)] = 20
    """Neighbours."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept; a uniform sample of the stream when there are more."""

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.lof import build

        return build(self)
