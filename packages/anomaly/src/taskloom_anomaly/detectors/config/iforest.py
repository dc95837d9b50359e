"""The isolation-forest detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import StreamingDetector


class IsolationForest(Detector):
    """How few random cuts isolate a sample."""

    kind: Literal["iforest"] = "iforest"
    trees: Annotated[int, Field(ge=1)] = 100
    """Trees."""
    tree_samples: Annotated[int, Field(ge=2)] = 256
    """Samples a tree."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept for the trees to draw from; a uniform sample of the stream when there are more."""

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.iforest import build

        return build(self)
