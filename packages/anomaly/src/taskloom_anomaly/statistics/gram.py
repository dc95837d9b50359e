"""Gram features of a layer: the signed p-th root of (F^p)^T F^p, upper triangle with the diagonal.

F is (positions, d) for one sample and F^p its elementwise power. For a layer with one position the root undoes the power: the
feature is f_i f_j for odd p and |f_i f_j| for even p, whatever p is, so no power or root is taken there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def triangle(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and column indices of the upper triangle with the diagonal."""
    return np.triu_indices(width)


def gram_features(
    activations: Float[np.ndarray, "n positions d"], power: int
) -> Float[np.ndarray, "n features"]:
    """Return the features of one power; scaling the activations by c scales them by c^2.

    Args:
        activations: Activations with their positions.
        power: p >= 1.

    Returns:
        d (d + 1) / 2 features a sample, in the activations' precision.
    """
    first, second = triangle(activations.shape[2])
    if activations.shape[1] == 1:
        vectors = activations[:, 0, :]
        if power % 2 == 0:
            vectors = np.abs(vectors)
        return vectors[:, first] * vectors[:, second]
    raised = activations.astype(np.float64) ** power
    products = np.matmul(raised.transpose(0, 2, 1), raised)[:, first, second]
    # The root of the modulus: an odd power keeps the sign of a product, a plain root of it is no number.
    return np.sign(products) * np.abs(products) ** (1.0 / power)


def gram_columns(
    activations: Float[np.ndarray, "n positions d"], power: int, chunk: int
) -> Iterator[Float[np.ndarray, "features n"]]:
    """Yield the same features some at a time, with the samples of each side by side, as medians over samples want them."""
    first, second = triangle(activations.shape[2])
    if activations.shape[1] > 1:
        columns = gram_features(activations, power).T
        for start in range(0, len(first), chunk):
            yield np.ascontiguousarray(columns[start : start + chunk])
        return
    units = np.ascontiguousarray(activations[:, 0, :].T)
    if power % 2 == 0:
        units = np.abs(units)
    for start in range(0, len(first), chunk):
        part = slice(start, start + chunk)
        yield units[first[part]] * units[second[part]]


def distinct_powers(powers: int, positions: int) -> list[tuple[int, int]]:
    """Return the powers that give different features, and for how many of 1 .. `powers` each stands."""
    if positions > 1:
        return [(power, 1) for power in range(1, powers + 1)]
    # With one position odd powers agree with each other, and so do even ones (see above).
    counts = ((1, (powers + 1) // 2), (2, powers // 2))
    return [(power, count) for power, count in counts if count]
