"""The Beatrix detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class Beatrix(Detector):
    """How far Gram features leave the range they have on trusted samples of the predicted class."""

    kind: Literal["beatrix"] = "beatrix"
    powers: Annotated[int, Field(ge=1, le=16)] = 4
    """Gram matrices of the powers 1 to this."""
    mad_scale: Annotated[float, Field(gt=0)] = 10.0
    """Half-width of the range in median absolute deviations."""
    by_class: bool = True
    """A range for each predicted class; otherwise one for all."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept for the medians; a uniform sample of the stream when there are more."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations, and logits where classes are told apart."""
        return frozenset({"activations", "trusted", *(("logits",) if self.by_class else ())})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.beatrix import build

        return build(self)
