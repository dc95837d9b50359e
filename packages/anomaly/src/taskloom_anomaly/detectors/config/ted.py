"""The TED detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class Ted(Detector):
    """How the rank of a sample's neighbours in its predicted class evolves over the layers."""

    kind: Literal["ted"] = "ted"
    k: Annotated[int, Field(ge=1)] = 1
    """Neighbours in the predicted class; their ranks are averaged."""
    reference: Literal["each", "last"] = "each"
    """Neighbours are looked for in each layer (the paper), or in the last one and followed through the others."""
    max_samples: Annotated[int, Field(ge=8)] = 2000
    """Trusted samples kept; a uniform sample of the stream when there are more."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations and the predicted classes."""
        return frozenset({"activations", "logits", "trusted"})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.ted import TedDetector

        return TedDetector(self)
