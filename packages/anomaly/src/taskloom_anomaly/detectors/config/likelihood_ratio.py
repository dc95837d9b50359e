"""The likelihood-ratio detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class LikelihoodRatio(Detector):
    """How much likelier a sample is under a Gaussian of the untrusted data than under one of the trusted data."""

    kind: Literal["likelihood_ratio"] = "likelihood_ratio"
    shrinkage: Literal["none", "linear", "oas"] = "linear"
    """How both covariances are pulled towards (tr C / d) I; `linear` is the intensity of Bodnar et al."""
    rcond: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    """Directions whose variance is below this share of the largest are null; both Gaussians live on what is left."""

    @property
    def needs(self) -> frozenset[Need]:
        """Both splits."""
        return frozenset({"activations", "trusted", "untrusted"})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.likelihood_ratio import build

        return build(self)
