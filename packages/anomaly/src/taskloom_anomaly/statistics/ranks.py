"""The rank of chosen reference points among all of them, by counting instead of sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def nearest_in_class(
    apart: Float[np.ndarray, "n r"], same: Bool[np.ndarray, "n r"], k: int
) -> tuple[Int[np.ndarray, "n k"], Bool[np.ndarray, "n k"]]:
    """Return the k nearest reference points of each row's class, and which of them exist.

    Args:
        apart: Distances; infinite where a point must not count.
        same: Whether the reference point has the row's class.
        k: Neighbours.
    """
    own = np.where(same, apart, np.inf)
    count = min(k, own.shape[1])
    # Their order does not matter, because their ranks are averaged.
    chosen = np.argpartition(own, count - 1, axis=1)[:, :count]
    return chosen, np.isfinite(np.take_along_axis(own, chosen, axis=1))


def mean_rank(
    apart: Float[np.ndarray, "n r"],
    chosen: Int[np.ndarray, "n k"],
    exists: Bool[np.ndarray, "n k"],
) -> Float[np.ndarray, " n"]:
    """Return the mean over the chosen points of 1 + the number of reference points that are strictly closer.

    A row with no chosen point, whose class has no reference point, gets the worst rank there is.
    """
    reach = np.take_along_axis(apart, chosen, axis=1)
    total = np.zeros(len(apart))
    for column in range(chosen.shape[1]):
        # Strictly closer: points at the same distance share the better rank.
        closer = np.count_nonzero(apart < reach[:, column, None], axis=1)
        total += np.where(exists[:, column], 1.0 + closer, 0.0)
    known = exists.sum(axis=1)
    return np.where(known > 0, total / np.maximum(known, 1), 1.0 + apart.shape[1])
