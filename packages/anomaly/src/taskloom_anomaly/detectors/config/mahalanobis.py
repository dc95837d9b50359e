"""The Mahalanobis detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class Mahalanobis(Detector):
    """Squared Mahalanobis distance to the trusted activations of each layer."""

    kind: Literal["mahalanobis"] = "mahalanobis"
    mode: Literal["global", "class", "relative", "mixture", "diagonal", "simple_relative"] = (
        "global"
    )
    """One Gaussian; one mean a class with a tied covariance, nearest class; that minus the global one (RMD); one Gaussian a
    class, negative log density of their mixture; variances only; or global minus diagonal (the seed system's `relative`)."""
    classes: Literal["predicted", "label"] = "predicted"
    """Which class a trusted sample counts to in the modes `class`, `relative` and `mixture`."""
    shrinkage: Literal["none", "fixed", "ledoit_wolf", "oas"] = "none"
    """How the covariance is pulled towards (tr C / d) I."""
    amount: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the target under `fixed` shrinkage."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Leading principal directions kept; 0 keeps all that are not null."""
    rcond: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    """Directions whose variance is below this share of the largest are null and dropped."""
    normalize: bool = False
    """Divide every activation by its length first (Mahalanobis++)."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations, and the predicted classes where classes are told apart by them."""
        by_class = self.mode in ("class", "relative", "mixture") and self.classes == "predicted"
        return frozenset({"activations", "trusted", *(("logits",) if by_class else ())})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.mahalanobis import build

        return build(self)
