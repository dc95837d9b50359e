"""Shrinkage intensities: the pull of a covariance towards a multiple of the identity: C_s = (1 - s) C + s (tr C / d) I."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def ledoit_wolf(covariance: Float[np.ndarray, "d d"], fourth: float, count: float) -> float:
    """Return Ledoit and Wolf's intensity (J. Multivariate Anal. 88, 2004, lemmas 3.2 to 3.4).

    Args:
        covariance: C with the n normaliser.
        fourth: sum over samples of |x - mean|^4.
        count: Samples n.

    Returns:
        s in [0, 1].
    """
    width = len(covariance)
    squares = float(np.einsum("ij,ij->", covariance, covariance))
    distance = squares - float(np.trace(covariance)) ** 2 / width
    noise = (fourth / count - squares) / count
    # A distance of zero means that C is the target already.
    return 1.0 if distance <= 0 else float(np.clip(noise / distance, 0.0, 1.0))


def oracle_approximating(covariance: Float[np.ndarray, "d d"], count: float) -> float:
    """Return the oracle-approximating intensity (Chen et al., IEEE TSP 58, 2010, eq. 23, without the 2 / d terms).

    The form without the 2 / d terms is the one scikit-learn uses; it needs tr C and tr C^2 only, so it streams exactly.

    Args:
        covariance: C with the n normaliser.
        count: Samples n.

    Returns:
        s in [0, 1].
    """
    width = len(covariance)
    level = (float(np.trace(covariance)) / width) ** 2
    mean_square = float(np.einsum("ij,ij->", covariance, covariance)) / width**2
    distance = (count + 1.0) * (mean_square - level / width)
    # For few samples the intensity comes out above 1, where it would pull past the target.
    return 1.0 if distance <= 0 else float(min((mean_square + level) / distance, 1.0))


def linear(covariance: Float[np.ndarray, "d d"], count: float) -> float:
    """Return the optimal linear shrinkage intensity of Bodnar, Gupta and Parolya (arXiv 1308.2608, eq. 4.3).

    With the target (tr C / d) I it comes to s = (tr C)^2 / n / (|C|_F^2 - (tr C)^2 / d).

    Args:
        covariance: C.
        count: Samples n.

    Returns:
        s in [0, 1].
    """
    trace = float(np.trace(covariance))
    distance = float(np.einsum("ij,ij->", covariance, covariance)) - trace**2 / len(covariance)
    return 1.0 if distance <= 0 else float(min(trace**2 / count / distance, 1.0))
