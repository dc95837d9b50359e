"""The PCA-residual detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import StreamingDetector


class PcaResidual(Detector):
    """Squared distance to the principal subspace of the trusted activations."""

    kind: Literal["pca_residual"] = "pca_residual"
    rank: Annotated[int, Field(ge=0)] = 0
    """Principal directions; 0 chooses by `variance`."""
    variance: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """The fewest directions that explain this share of the trusted variance are the subspace."""

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.pca_residual import build

        return build(self)
