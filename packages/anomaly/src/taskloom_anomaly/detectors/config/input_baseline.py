"""The input-space baseline's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class InputBaseline(Detector):
    """A detector of the raw inputs, which a detector of mechanisms has to beat."""

    kind: Literal["input_baseline"] = "input_baseline"
    method: Literal["mahalanobis", "knn"] = "mahalanobis"
    """Mahalanobis distance with the OAS covariance, or distance to the k-th nearest trusted input."""
    k: Annotated[int, Field(ge=1)] = 10
    """Which neighbour, under `knn`."""

    @property
    def needs(self) -> frozenset[Need]:
        """Inputs."""
        return frozenset({"inputs", "trusted"})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.input_baseline import build

        return build(self)
