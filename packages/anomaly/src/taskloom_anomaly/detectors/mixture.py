"""One Gaussian for each class, with a covariance of its own: the score is - log sum_c pi_c N(a; m_c, C_c).

All classes live on the support of the tied covariance, which whitens them first; there a class's covariance is shrunk towards a
multiple of the identity, which before whitening is a multiple of the tied covariance (regularised discriminant analysis,
Friedman 1989). A class with too few samples for a covariance of its own takes the tied one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.by_class import ByClassRule
from taskloom_anomaly.detectors.gaussian import project, squared_length
from taskloom_anomaly.statistics import shrinkage, whitening
from taskloom_anomaly.statistics.covariance import CovarianceEstimator
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.standard import units_of

if TYPE_CHECKING:
    from jaxtyping import Float


# Variances of a class, with the tied ones at 1, below which a direction would decide alone.
_LEAST = 1e-5


def mixture_rule(estimator: CovarianceEstimator) -> ByClassRule:
    """Return the rule of one Gaussian a class."""
    return ByClassRule(
        "trusted",
        lambda layer, each, spacing: _fit(estimator, layer, each, spacing),
        lambda fitted, rows, _: _rate(fitted, rows),
    )


def _fit(
    estimator: CovarianceEstimator, layer: str, each: list[Moments], spacing: float
) -> Tensors:
    """Return a factor and a constant for each class that has samples."""
    each = [own for own in each if own.number > 0]
    count = float(sum(own.number for own in each))
    freedom = count - len(each)
    if freedom < 1:
        raise ValueError(
            f"Layer '{layer}' has {int(count)} trusted samples of {len(each)} classes; a covariance needs more samples than classes."
        )
    # The tied covariance decides on the support, because a class alone may have fewer samples than directions.
    within = np.sum([own.scatter for own in each], axis=0) / freedom
    units = units_of(
        np.sum([own.number * own.mean for own in each], axis=0) / count,
        within.diagonal(),
        spacing,
        standardise=estimator.standardise,
        layer=layer,
        count=count,
    )
    tied = whitening.spectrum(units.scatter(within))
    if estimator.shrinkage == "none":
        whitening.require_samples(layer, tied.values, freedom, estimator.rank)
    white = units.back(whitening.whitening(tied, estimator.rcond, estimator.rank, units.noise))
    factors, constants = [], []
    for own in each:
        spectrum = _spectrum(estimator, own, white)
        factors.append(white @ (spectrum.vectors / np.sqrt(spectrum.values)))
        # The volume in the whitened space: that of the tied covariance is common to all classes and left out.
        volume = float(np.log(spectrum.values).sum())
        constants.append(np.log(float(own.number) / count) - 0.5 * volume)
    return {
        "means": np.stack([own.mean for own in each]),
        "factors": np.stack(factors),
        "constants": np.array(constants),
    }


def _spectrum(
    estimator: CovarianceEstimator, own: Moments, white: np.ndarray
) -> whitening.Spectrum:
    """Return the spectrum of the shrunk covariance of a class, in the whitened space."""
    rank, count, kind = white.shape[1], float(own.number), estimator.shrinkage
    if count <= (rank if kind == "none" else 1):
        return whitening.Spectrum(np.ones(rank), np.eye(rank))
    covariance = white.T @ (own.scatter / (count - 1)) @ white
    strength = estimator.amount if kind == "fixed" else 0.0
    if kind in ("ledoit_wolf", "oas"):
        # Fourth moments do not survive whitening, so both kinds take the intensity that needs none.
        strength = shrinkage.oracle_approximating(covariance * (count - 1) / count, count)
    values, vectors = whitening.spectrum(covariance)
    shrunk = (1 - strength) * values + strength * values.mean()
    return whitening.Spectrum(np.maximum(shrunk, max(estimator.rcond, _LEAST)), vectors)


def _rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the negative log density [nat] of each row, on the support and up to the tied covariance's volume."""
    from scipy.special import logsumexp  # scipy is heavy

    parts = zip(fitted["means"], fitted["factors"], fitted["constants"], strict=True)
    logs = [c - 0.5 * squared_length(project(rows, mean, factor)) for mean, factor, c in parts]
    return -np.asarray(logsumexp(np.stack(logs), axis=0))
