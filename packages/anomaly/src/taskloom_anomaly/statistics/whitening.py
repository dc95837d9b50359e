"""From a covariance to the factor W with W W^T = pinv(C), which turns it into the identity on its support."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.statistics.standard import is_signal

if TYPE_CHECKING:
    from jaxtyping import Float

# Rows that were float32 before they were multiplied carry noise of about 1e-7, so 1e-14 of the largest variance.
_RANK_TOLERANCE = 1e-10


class Spectrum(NamedTuple):
    """The eigenvalues of a covariance, largest first, shape (d,), and the eigenvectors as columns, shape (d, d)."""

    values: np.ndarray
    vectors: np.ndarray


def spectrum(covariance: Float[np.ndarray, "d d"]) -> Spectrum:
    """Return the eigendecomposition; negative rounding noise is clipped to zero."""
    import scipy.linalg  # scipy is heavy

    values, vectors = scipy.linalg.eigh(covariance, driver="evd")
    return Spectrum(np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1]))


def effective_rank(values: Float[np.ndarray, " d"]) -> int:
    """Return the number of variances that are not rounding noise."""
    return int(np.count_nonzero(values > _RANK_TOLERANCE * max(float(values[0]), 1e-300)))


def require_samples(layer: str, values: Float[np.ndarray, " d"], freedom: float, rank: int) -> None:
    """Refuse a covariance whose null directions come from too few samples.

    A covariance may be rank-deficient because the layer is (dead units); then more samples would not help and the null
    directions are dropped. It is refused when every degree of freedom of the samples is used up and directions are still
    missing.

    Args:
        layer: The layer, for the message.
        values: Variances, largest first.
        freedom: Degrees of freedom of the scatter: samples minus means estimated.
        rank: Directions that the caller keeps; 0 for all.

    Raises:
        ValueError: If there are too few samples; the message has the effective rank.
    """
    width, found = len(values), effective_rank(values)
    wanted = min(rank, width) if rank else width
    if freedom < 1 or (found >= freedom and found < wanted):
        raise ValueError(
            f"Layer '{layer}' has too few samples for a covariance: {found} effective dimensions out of {wanted} wanted; "
            f"use more than {wanted} samples, a shrinkage (ledoit_wolf, oas), or a rank of at most {max(found, 1)}."
        )


def whitening(
    parts: Spectrum,
    rcond: float = 1e-5,
    rank: int = 0,
    noise: Float[np.ndarray, " d"] | None = None,
) -> Float[np.ndarray, "d r"]:
    """Return W = V diag(w^-1/2) on the directions that are kept.

    Args:
        parts: The spectrum of C.
        rcond: Directions with a variance of at most this share of the largest are dropped.
        rank: Leading directions kept; 0 for all.
        noise: Variance of rounding of each feature; directions with no more than that are dropped, too.
    """
    values, vectors = parts
    keep = values > rcond * values[0]
    if noise is not None:
        keep &= is_signal(values, vectors, noise)
    if rank:
        keep[rank:] = False
    return np.ascontiguousarray(vectors[:, keep] / np.sqrt(values[keep]))
