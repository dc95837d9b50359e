"""The Mahalanobis distance under a shrunk covariance of fewer samples than features, by systems of the size of the samples.

With Z the standardised samples, (n, d), and K = Z Z^T / n = U diag(l) U^T, the covariance's directions of variance l are V = Z^T U (n l)^-1/2, and
all others have the variance that shrinkage gives them, mu = s tr K / d. So

    score = |z|^2 / mu + sum_i (v_i . z)^2 (1 / ((1 - s) l_i + mu) - 1 / mu)

equals the d x d form to rounding, in n^2 d instead of d^3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.statistics.standard import units_of

if TYPE_CHECKING:
    from jaxtyping import Float


def fit_thin(
    layer: str,
    rows: Float[np.ndarray, "n d"],
    *,
    amount: float | None,
    spacing: float,
    standardise: bool,
) -> dict[str, np.ndarray]:
    """Return the mean, the units, the directions with their weights, and 1 / mu.

    Args:
        layer: The layer's name, for messages.
        rows: The samples.
        amount: Intensity of the shrinkage; None takes the oracle-approximating one.
        spacing: eps of the precision in which the network computed the layer.
        standardise: Whether features get a deviation of one.

    Raises:
        ValueError: Every feature is constant.
    """
    import scipy.linalg  # scipy is heavy

    n, width = rows.shape
    mean = rows.mean(axis=0)
    offset = rows - mean
    variances = np.einsum("nd,nd->d", offset, offset) / (n - 1)
    units = units_of(mean, variances, spacing, standardise=standardise, layer=layer, count=n)
    z = offset * units.inverse
    # Oracle-approximating shrinkage is defined with the normaliser n; a fixed one goes with the unbiased covariance.
    normaliser = n if amount is None else n - 1
    gram = z @ z.T / normaliser
    level = float(np.trace(gram)) / width
    if amount is None:
        mean_square = float(np.einsum("ij,ij->", gram, gram)) / width**2
        distance = (n + 1.0) * (mean_square - level**2 / width)
        share = 1.0 if distance <= 0 else min((mean_square + level**2) / distance, 1.0)
    else:
        share = amount
    values, vectors = scipy.linalg.eigh(gram, driver="evd")
    kept = values > n * 2.2e-16 * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    directions = z.T @ (vectors / np.sqrt(normaliser * values))
    shrunk = share * level
    return {
        "mean": mean,
        "thin_inverse": units.inverse,
        "thin_directions": directions * units.inverse[:, None],
        "thin_weights": 1 / ((1 - share) * values + shrunk) - 1 / shrunk,
        "thin_level": np.asarray(1 / shrunk),
    }


def rate_thin(
    fitted: dict[str, np.ndarray], rows: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " n"]:
    """Return the distance of each row."""
    offset = rows.astype(np.float64, copy=False) - fitted["mean"]
    z = offset * fitted["thin_inverse"]
    along = offset @ fitted["thin_directions"]
    whole = np.einsum("nd,nd->n", z, z) * float(fitted["thin_level"])
    return np.asarray(whole + (along**2) @ fitted["thin_weights"])
