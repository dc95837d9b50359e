"""The nearest-neighbour detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import StreamingDetector


class Knn(Detector):
    """Distance to the k-th nearest trusted activation."""

    kind: Literal["knn"] = "knn"
    k: Annotated[int, Field(ge=1)] = 10
    """Which neighbour."""
    normalize: bool = True
    """Divide every activation by its length first."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept; a uniform sample of the stream when there are more."""
    coreset: Annotated[int, Field(ge=0)] = 0
    """Of those, how many are kept so that they cover the rest; 0 keeps all."""

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.knn import build

        return build(self)
