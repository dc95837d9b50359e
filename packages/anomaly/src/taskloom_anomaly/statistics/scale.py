"""Streaming mean and variance of each feature by itself: memory 2 d, mergeable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


class Scale(NamedTuple):
    """The moments of each feature.

    Attributes:
        number: Samples, shape ().
        mean: Means, shape (d,).
        squares: Sums of squared offsets from the mean, shape (d,).
    """

    number: np.ndarray
    mean: np.ndarray
    squares: np.ndarray


def empty(width: int) -> Scale:
    """Return the moments of no samples."""
    return Scale(np.zeros(()), np.zeros(width), np.zeros(width))


def unit(width: int) -> Scale:
    """Return the moments that change nothing: mean 0, deviation 1."""
    return Scale(np.ones(()), np.zeros(width), np.ones(width))


def of_rows(rows: Float[np.ndarray, "n d"]) -> Scale:
    """Return the moments of a batch."""
    mean = rows.mean(axis=0, dtype=np.float64)
    # About the batch's own mean, so that nothing large is squared.
    offset = rows - mean
    return Scale(np.asarray(float(len(rows))), mean, np.einsum("nd,nd->d", offset, offset))


def merge(a: Scale, b: Scale) -> Scale:
    """Return the moments of both sets together (Chan, Golub and LeVeque)."""
    if not a.number:
        return b
    if not b.number:
        return a
    number, step = a.number + b.number, b.mean - a.mean
    return Scale(
        number,
        a.mean + step * (b.number / number),
        a.squares + b.squares + step**2 * (a.number * b.number / number),
    )


def inverse_deviation(known: Scale) -> Float[np.ndarray, " d"]:
    """Return 1 / standard deviation (n normaliser) by feature; 1 for a feature that does not vary."""
    deviation = np.sqrt(known.squares / np.maximum(known.number, 1.0))
    # Relative to the mean, or the rounding of a constant of 1e6 would pass for variance.
    varies = deviation > 1e-12 * np.maximum(1.0, np.abs(known.mean))
    return np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 1.0)
