"""Quantum entropy: Dong, Hopkins and Li 2019 (arXiv 1906.11366), on whitened activations (SPECTRE, arXiv 2104.11315).

Let W whiten the trusted covariance, z = W^T (a - m), and S = W^T cov(U) W the whitened untrusted covariance. Then

    score(a) = z^T exp(alpha S / |S|_2) z

With S = Q diag(s) Q^T this is |P^T (a - m)|^2 for P = W Q diag(exp(alpha (s / |S| - 1) / 2)), so one eigendecomposition at the
end of the fit replaces a matrix exponential for every batch. The - 1 divides every score by e^alpha, against overflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import MomentsRule, project, squared_length
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import require_samples, spectrum, whitening

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.que import QuantumEntropy


def build(config: QuantumEntropy) -> Layerwise:
    """Return the detector that the config describes."""
    rule = MomentsRule(
        ("trusted", "untrusted"), lambda layer, known: fit(config, layer, known), rate
    )
    return Layerwise(rule, config.needs)


def fit(config: QuantumEntropy, layer: str, known: dict[Split, Moments]) -> Tensors:
    """Return the trusted mean and the factor P."""
    trusted, untrusted = known["trusted"], known["untrusted"]
    parts = spectrum(trusted.covariance)
    require_samples(layer, parts.values, float(trusted.number) - 1, config.rank)
    white = whitening(parts, config.rcond, config.rank)
    # The untrusted covariance must go through the same whitening as the point that is scored.
    values, vectors = scipy.linalg.eigh(white.T @ untrusted.covariance @ white, driver="evd")
    share = values / max(float(values[-1]), 1e-300) if len(values) else values
    weight = np.exp(0.5 * config.alpha * (np.maximum(share, 0.0) - 1.0))
    return {"mean": trusted.mean, "factor": (white @ vectors) * weight}


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the score of each row."""
    return squared_length(project(rows, fitted["mean"], fitted["factor"]))
