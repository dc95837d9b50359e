"""A covariance by one of four shrinkages, and the factor that whitens by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from taskloom_anomaly.statistics import shrinkage, whitening
from taskloom_anomaly.statistics.standard import units_of
from taskloom_anomaly.statistics.whitening import Spectrum

if TYPE_CHECKING:
    from jaxtyping import Float

Shrinkage: TypeAlias = Literal["none", "fixed", "ledoit_wolf", "oas"]


@dataclass(frozen=True, slots=True)
class CovarianceEstimator:
    """The estimate (1 - s) C + s (tr C / d) I of a covariance, and its pseudo-inverse.

    Attributes:
        shrinkage: Rule of the intensity s.
        amount: s under `fixed`.
        rank: Leading principal directions kept; 0 keeps all that are not null.
        rcond: Directions whose variance is below this share of the largest are null and dropped, beside what is rounding.
        standardise: Whether features get a deviation of one first, so that their units do not matter.
    """

    shrinkage: Shrinkage
    amount: float
    rank: int
    rcond: float
    standardise: bool = True

    def factor(
        self,
        layer: str,
        scatter: np.ndarray,
        count: float,
        means: int,
        *,
        mean: np.ndarray,
        spacing: float,
        fourth: float = 0.0,
    ) -> Float[np.ndarray, "d r"]:
        """Return W with W W^T = pinv of the estimate.

        Args:
            layer: The layer's name, for messages.
            scatter: Sum of outer products about the mean(s), shape (d, d).
            count: Samples n.
            means: Means estimated.
            mean: The mean of all samples, which tells how large values are that the network has rounded.
            spacing: eps of the precision in which the network computed the layer.
            fourth: Sum of |x - mean|^4; read under `ledoit_wolf` only.

        Raises:
            ValueError: If there are too few samples and nothing is shrunk.
        """
        if self.standardise and self.shrinkage == "ledoit_wolf":
            raise ValueError(
                "The intensity of ledoit_wolf takes two passes where features are standardised, so its states do not merge;"
                " choose oas, or standardise=false."
            )
        freedom = count - means
        units = units_of(
            mean,
            scatter.diagonal() / max(freedom, 1.0),
            spacing,
            standardise=self.standardise,
            layer=layer,
            count=count,
        )
        scatter = units.scatter(scatter)
        # Ledoit-Wolf and OAS are estimators of their own, defined with the normaliser n; the others take the unbiased one.
        if self.shrinkage in ("none", "fixed"):
            covariance = scatter / max(freedom, 1.0)
            strength = self.amount if self.shrinkage == "fixed" else 0.0
        else:
            covariance = scatter / count
            strength = (
                shrinkage.ledoit_wolf(covariance, fourth, count)
                if self.shrinkage == "ledoit_wolf"
                else shrinkage.oracle_approximating(covariance, count)
            )
        values, vectors = whitening.spectrum(covariance)
        level = float(np.trace(covariance)) / len(covariance)
        # Shrinkage leaves the eigenvectors alone, so it is applied to the eigenvalues.
        shrunk = (1.0 - strength) * values + strength * level
        if self.shrinkage == "none":
            whitening.require_samples(layer, shrunk, freedom, self.rank)
        # A constant feature has no variance of its own, and none that shrinkage could lend it.
        return units.back(
            whitening.whitening(Spectrum(shrunk, vectors), self.rcond, self.rank, units.noise)
        )
