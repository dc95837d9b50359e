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

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors import class_mahalanobis, mixture
from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import MomentsRule, project, squared_length
from taskloom_anomaly.detectors.layerwise import LayerRule, Layerwise
from taskloom_anomaly.statistics.covariance import shrunk_spectrum
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import require_samples, whitening

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.mahalanobis import Mahalanobis


def build(config: Mahalanobis) -> Layerwise:
    """Return the detector that the config describes."""
    if config.mode in ("class", "relative", "mixture"):
        family = mixture if config.mode == "mixture" else class_mahalanobis
        rule: LayerRule = family.build_rule(config)
        return Layerwise(rule, config.needs, config.classes, unit_length=config.normalize)
    plain = MomentsRule(
        ("trusted",),
        lambda layer, known: fit(config, layer, known),
        rate,
        fourth=config.shrinkage == "ledoit_wolf",
        double=config.mode == "simple_relative",
    )
    return Layerwise(plain, config.needs, unit_length=config.normalize)


def fit(config: Mahalanobis, layer: str, known: dict[Split, Moments]) -> Tensors:
    """Return the mean and the factors of the modes `global`, `diagonal` and `simple_relative`."""
    own = known["trusted"]
    fitted = {"mean": own.mean}
    if config.mode != "diagonal":
        fitted["factor"] = global_factor(config, layer, own)
    if config.mode != "global":
        fitted["precision"] = diagonal_precision(config, own)
    return fitted


def global_factor(config: Mahalanobis, layer: str, own: Moments) -> Float[np.ndarray, "d r"]:
    """Return W with W W^T = pinv of the shrunk covariance of all samples."""
    count = float(own.number)
    spectrum = shrunk_spectrum(
        own.scatter,
        count,
        count - 1,
        config.shrinkage,
        amount=config.amount,
        fourth=float(own.fourth),
    )
    if config.shrinkage == "none":
        require_samples(layer, spectrum.values, count - 1, config.rank)
    return whitening(spectrum, config.rcond, config.rank)


def diagonal_precision(config: Mahalanobis, own: Moments) -> Float[np.ndarray, " d"]:
    """Return 1 / variance, zero where the variance is null; shrinkage pulls every variance to their mean."""
    variances = np.diag(own.covariance).copy()
    if config.shrinkage == "fixed":
        variances = (1 - config.amount) * variances + config.amount * variances.mean()
    kept = variances > config.rcond * variances.max()
    return np.where(kept, 1.0 / np.where(kept, variances, 1.0), 0.0)


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the distance of each row."""
    score = np.zeros(len(rows))
    if "factor" in fitted:
        score = squared_length(project(rows, fitted["mean"], fitted["factor"]))
    if "precision" in fitted:
        offset = rows - fitted["mean"]
        diagonal = np.einsum("nd,nd,d->n", offset, offset, fitted["precision"])
        score = score - diagonal if "factor" in fitted else diagonal
    return score
