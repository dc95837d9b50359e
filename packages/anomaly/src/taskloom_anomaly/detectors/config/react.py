"""The ReAct detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class React(Detector):
    """Energy of the logits after the features are cut at a quantile of the trusted ones."""

    kind: Literal["react"] = "react"
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Where the features are cut, as a share of all trusted values."""

    @property
    def needs(self) -> frozenset[Need]:
        """The features before the last linear layer, and the layer itself."""
        return frozenset({"activations", "head", "trusted"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.react import ReactDetector

        return ReactDetector(self)
