"""Mahalanobis distances: Lee et al. 2018 (arXiv 1807.03888), Ren et al. 2021 (RMD, arXiv 2106.09022).

With trusted mean m, class means m_c, tied within-class covariance C, total covariance C_0 and its diagonal D:

    global            (a - m)^T C_0^+ (a - m)
    class             min_c (a - m_c)^T C^+ (a - m_c)
    relative          class - global
    mixture           - log sum_c pi_c N(a; m_c, C_c)
    diagonal          (a - m)^T D^+ (a - m)
    simple_relative   global - diagonal

The inverse is never formed: C^+ = W W^T with W from one eigendecomposition at the end of the fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Need, Tensors
from taskloom_anomaly.detectors.class_mahalanobis import class_rule
from taskloom_anomaly.detectors.gaussian import KnownMoments, MomentsRule, project, squared_length
from taskloom_anomaly.detectors.layerwise import LayerReading, LayerRule, LayerwiseDetector
from taskloom_anomaly.detectors.mixture import mixture_rule
from taskloom_anomaly.statistics.covariance import CovarianceEstimator
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.standard import MARGIN, Units
from taskloom_anomaly.statistics.thin import fit_thin, rate_thin

if TYPE_CHECKING:
    from jaxtyping import Float


class Mahalanobis(LayerwiseDetector):
    """Mahalanobis distance: global, class-conditional, relative, diagonal."""

    adds_up: ClassVar[bool] = True

    kind: Literal["mahalanobis"] = "mahalanobis"
    mode: Literal["global", "class", "relative", "mixture", "diagonal", "simple_relative"] = (
        "global"
    )
    """One Gaussian; one mean a class with a tied covariance, nearest class; that minus the global one (RMD); one Gaussian a
    class, negative log density of their mixture; variances only; or global minus diagonal (the seed system's `relative`)."""
    classes: Literal["predicted", "label"] = "predicted"
    """Class that a trusted sample counts to in the modes `class`, `relative` and `mixture`."""
    shrinkage: Literal["none", "fixed", "ledoit_wolf", "oas"] = "none"
    """Rule by which the covariance is pulled towards (tr C / d) I."""
    amount: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the target under `fixed` shrinkage."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Leading principal directions kept; 0 keeps all that are not null."""
    rcond: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Directions whose variance is below this share of the largest are dropped, beside those that are rounding."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with papers."""
    normalize: bool = False
    """Divide every activation by its length first (Mahalanobis++)."""
    skip_first: Annotated[int, Field(ge=0)] = 0
    """First tokens of a text that are left out where every position is scored: the first one draws attention whatever it is."""

    @property
    def by_class(self) -> bool:
        """True in the modes that have a mean for each class."""
        return self.mode in ("class", "relative", "mixture")

    @property
    def needs(self) -> frozenset[Need]:
        """Activations, and the predicted classes where a mode goes by them."""
        logits = self.by_class and self.classes == "predicted"
        return frozenset({"activations", "trusted", *(("logits",) if logits else ())})

    @property
    def reading(self) -> LayerReading:
        """Classes of the fitted samples in the modes that go by them; a scored sample needs none."""
        return LayerReading(
            self.classes if self.by_class else "none",
            unit_length=self.normalize,
            skip_first=self.skip_first,
        )

    @property
    def scales_first(self) -> bool:
        """Ledoit and Wolf's intensity needs fourth powers, which cannot be brought to other units afterwards."""
        has_fourth = self.shrinkage == "ledoit_wolf" and self.mode not in ("mixture", "diagonal")
        return self.standardise and has_fourth

    def rule(self) -> LayerRule:
        """Return the arithmetic of the mode."""
        if self.mode == "mixture":
            return mixture_rule(self._estimator)
        if self.by_class:
            return class_rule(self._estimator, relative=self.mode == "relative")
        return MomentsRule(
            ("trusted",),
            self.fit_layer,
            distance,
            fourth=self.shrinkage == "ledoit_wolf",
            # A difference of two distances wants the digits that float32 does not have.
            double=self.mode == "simple_relative",
            standardise=self.standardise,
            thin=self._fit_thin if self._can_be_thin else None,
        )

    @property
    def _can_be_thin(self) -> bool:
        """Small systems are solved for fewer samples than features, where shrinkage gives every direction a variance."""
        shrunk = self.shrinkage == "oas" or (self.shrinkage == "fixed" and self.amount > 0)
        return self.mode == "global" and shrunk and not self.rank and not self.rcond

    def _fit_thin(self, layer: str, rows: np.ndarray, spacing: float) -> Tensors:
        amount = self.amount if self.shrinkage == "fixed" else None
        return fit_thin(layer, rows, amount=amount, spacing=spacing, standardise=self.standardise)

    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        """Return the mean and the factors of the modes `global`, `diagonal` and `simple_relative`."""
        own = known["trusted"]
        fitted = {"mean": own.mean}
        if self.mode != "diagonal":
            fitted["factor"] = self._estimator.factor(
                layer,
                own.scatter,
                float(own.number),
                1,
                mean=own.mean,
                spacing=known.spacing,
                fourth=float(own.fourth),
            )
        if self.mode != "global":
            fitted["precision"] = self._precision(own, known.units)
        return fitted

    @property
    def _estimator(self) -> CovarianceEstimator:
        return CovarianceEstimator(
            self.shrinkage, self.amount, self.rank, self.rcond, self.standardise
        )

    def _precision(self, own: Moments, units: Units) -> Float[np.ndarray, " d"]:
        """Return 1 / variance, zero where the variance is rounding; shrinkage pulls every variance to their mean."""
        variances = np.diag(own.covariance).copy()
        if self.standardise:
            # Standardised features have one variance, to which shrinkage pulls them in vain.
            return units.inverse**2
        if self.shrinkage == "fixed":
            variances = (1 - self.amount) * variances + self.amount * variances.mean()
        kept = (variances > self.rcond * variances.max()) & (variances > MARGIN * units.noise)
        # The inner choice keeps a dead unit from dividing by zero before the outer one drops it.
        return np.where(kept, 1.0 / np.where(kept, variances, 1.0), 0.0)


def distance(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the distance of each row under one Gaussian: full, diagonal, or their difference."""
    if "thin_weights" in fitted:
        return rate_thin(fitted, rows)
    score = np.zeros(len(rows))
    if "factor" in fitted:
        score = squared_length(project(rows, fitted["mean"], fitted["factor"]))
    if "precision" in fitted:
        offset = rows - fitted["mean"]
        # Null directions have a precision of zero, so that they drop out of the sum.
        diagonal = np.einsum("nd,nd,d->n", offset, offset, fitted["precision"])
        score = score - diagonal if "factor" in fitted else diagonal
    return score
