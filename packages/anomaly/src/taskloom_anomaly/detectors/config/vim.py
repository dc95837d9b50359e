"""The ViM detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Vim(Detector):
    """Virtual-logit matching: energy plus the feature's residual, scaled as a logit."""

    kind: Literal["vim"] = "vim"
    rank: Annotated[int, Field(ge=0)] = 0
    """Principal directions that are not residual; 0 takes 1000 for widths from 2048, 512 from 768, else half the width."""

    @property
    def needs(self) -> frozenset[Need]:
        """The features before the last linear layer, the layer itself, and the logits."""
        return frozenset({"activations", "logits", "head", "trusted"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.vim import VimDetector

        return VimDetector(self)
