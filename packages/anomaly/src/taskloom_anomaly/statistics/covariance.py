"""A covariance by one of four shrinkages, as the spectrum that a whitening needs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from taskloom_anomaly.statistics import shrinkage, whitening
from taskloom_anomaly.statistics.whitening import Spectrum

Shrinkage = Literal["none", "fixed", "ledoit_wolf", "oas"]


def shrunk_spectrum(
    scatter: np.ndarray,
    count: float,
    freedom: float,
    kind: Shrinkage,
    *,
    amount: float = 0.0,
    fourth: float = 0.0,
) -> Spectrum:
    """Return the spectrum of (1 - s) C + s (tr C / d) I.

    Shrinkage leaves the eigenvectors alone, so it is applied to the eigenvalues. Without shrinkage and with a fixed one C has
    the unbiased normaliser; Ledoit-Wolf and OAS are estimators of their own, defined with the normaliser n.

    Args:
        scatter: Sum of outer products about the mean(s), shape (d, d).
        count: Samples n.
        freedom: n minus the number of means estimated.
        kind: Which intensity s.
        amount: s under `fixed`.
        fourth: Sum of |x - mean|^4; read under `ledoit_wolf` only.
    """
    if kind in ("none", "fixed"):
        covariance = scatter / max(freedom, 1.0)
        strength = amount if kind == "fixed" else 0.0
    else:
        covariance = scatter / count
        strength = (
            shrinkage.ledoit_wolf(covariance, fourth, count)
            if kind == "ledoit_wolf"
            else shrinkage.oracle_approximating(covariance, count)
        )
    values, vectors = whitening.spectrum(covariance)
    level = float(np.trace(covariance)) / len(covariance)
    return Spectrum((1.0 - strength) * values + strength * level, vectors)
