"""The log ratio of two Gaussian densities: log N(a; untrusted) - log N(a; trusted).

Both are restricted to the non-null directions of whichever split has fewer of them, where both covariances are then shrunk, so
that neither density is degenerate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import MomentsRule, project, squared_length
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.statistics import shrinkage
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import require_samples, spectrum

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.likelihood_ratio import LikelihoodRatio


def build(config: LikelihoodRatio) -> Layerwise:
    """Return the detector that the config describes."""
    rule = MomentsRule(
        ("trusted", "untrusted"),
        lambda layer, known: fit(config, layer, known),
        rate,
        double=True,
    )
    return Layerwise(rule, config.needs)


def fit(config: LikelihoodRatio, layer: str, known: dict[Split, Moments]) -> Tensors:
    """Return both means, both whitening factors, and the constant from the determinants."""
    basis = _common_basis(config, layer, known)
    fitted: Tensors = {}
    log_volume = {}
    for split, own in known.items():
        covariance = basis.T @ own.covariance @ basis
        values, vectors = spectrum(_shrunk(config, covariance, float(own.number)))
        if values[-1] <= 0:
            raise ValueError(
                f"Layer '{layer}' has {split} samples without spread in some direction of the other split; choose a shrinkage."
            )
        fitted[f"{split}.mean"] = own.mean
        fitted[f"{split}.factor"] = basis @ (vectors / np.sqrt(values))
        log_volume[split] = float(np.log(values).sum())
    fitted["constant"] = np.asarray(0.5 * (log_volume["trusted"] - log_volume["untrusted"]))
    return fitted


def _common_basis(
    config: LikelihoodRatio, layer: str, known: dict[Split, Moments]
) -> Float[np.ndarray, "d r"]:
    bases = []
    for own in known.values():
        values, vectors = spectrum(own.covariance)
        if config.shrinkage == "none":
            require_samples(layer, values, float(own.number) - 1, 0)
        bases.append(vectors[:, values > config.rcond * values[0]])
    narrowest = min(bases, key=lambda basis: basis.shape[1])
    if not narrowest.shape[1]:
        raise ValueError(f"Layer '{layer}' does not vary in one of the two splits.")
    return np.ascontiguousarray(narrowest)


def _shrunk(config: LikelihoodRatio, covariance: np.ndarray, count: float) -> np.ndarray:
    if config.shrinkage == "none":
        return covariance
    rule = shrinkage.linear if config.shrinkage == "linear" else shrinkage.oracle_approximating
    strength = rule(covariance, count)
    level = np.trace(covariance) / len(covariance)
    return (1 - strength) * covariance + strength * level * np.eye(len(covariance))


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the log ratio [nat] of each row."""
    trusted, untrusted = (
        squared_length(project(rows, fitted[f"{split}.mean"], fitted[f"{split}.factor"]))
        for split in ("trusted", "untrusted")
    )
    return 0.5 * (trusted - untrusted) + fitted["constant"]
