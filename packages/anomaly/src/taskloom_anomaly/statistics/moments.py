"""Streaming moments of a stream of vectors: memory d^2 whatever the number of samples, and exact merging.

With the mean m and y_i = x_i - m the state holds n, m, S = sum y y^T, t = sum |y|^2 y and q = sum |y|^4. The last two are what
Ledoit and Wolf's shrinkage needs beyond the covariance. Two sets are merged by moving both to the common mean, which is Chan,
Golub and LeVeque's update for S, and its analogue for t and q; nothing large is ever subtracted, so a mean of 1e4 costs no
digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Rows in float64 at a time: what a symmetric product needs to run at full speed, and no more memory than that.
_CHUNK = 1024


class Moments(NamedTuple):
    """The moments of n vectors of width d about their mean.

    Attributes:
        number: n, shape ().
        mean: m, shape (d,).
        scatter: S, shape (d, d).
        third: t, shape (d,).
        fourth: q, shape ().
    """

    number: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
    third: np.ndarray
    fourth: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """The covariance with the n - 1 normaliser."""
        return self.scatter / max(float(self.number) - 1.0, 1.0)


def empty(width: int) -> Moments:
    """Return the moments of no vectors."""
    return Moments(
        np.zeros(()), np.zeros(width), np.zeros((width, width)), np.zeros(width), np.zeros(())
    )


def gram(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """Return rows^T rows of float64 rows."""
    # A product of an array with its own transpose is the one that numpy hands to BLAS's syrk, half the work of gemm.
    return rows.T @ rows


def of_rows(rows: Float[np.ndarray, "n d"]) -> Moments:
    """Return the moments of a batch.

    The products are taken in float64 whatever the rows are: in float32 they carry an error of 2e-6 of the largest variance,
    which whitening divides by the smallest.

    Args:
        rows: At least one vector; float32 or float64.
    """
    width = rows.shape[1]
    mean = rows.mean(axis=0, dtype=np.float64)
    scatter, third, fourth = np.zeros((width, width)), np.zeros(width), 0.0
    for start in range(0, len(rows), _CHUNK):
        offset = rows[start : start + _CHUNK] - mean
        squares = np.einsum("nd,nd->n", offset, offset)
        scatter += gram(offset)
        third += squares @ offset
        fourth += float(squares @ squares)
    return Moments(np.asarray(float(len(rows))), mean, scatter, third, np.asarray(fourth))


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together: the sums of each about the common mean, added."""
    if not a.number:
        return b
    if not b.number:
        return a
    number, step = a.number + b.number, b.mean - a.mean
    scatter = a.scatter + b.scatter
    scatter += np.outer(step, step * (a.number * b.number / number))
    third_a, fourth_a = _about(a, step * (b.number / number))
    third_b, fourth_b = _about(b, step * (-a.number / number))
    return Moments(
        number,
        a.mean + step * (b.number / number),
        scatter,
        third_a + third_b,
        np.asarray(fourth_a + fourth_b),
    )


def _about(known: Moments, shift: np.ndarray) -> tuple[np.ndarray, float]:
    """Return t and q about the point m + shift, by expanding |y - s|^2 (y - s) and |y - s|^4 with sum y = 0."""
    number, third = float(known.number), known.third
    length, trace, pulled = float(shift @ shift), np.trace(known.scatter), known.scatter @ shift
    fourth = known.fourth + number * length**2 + 2 * length * trace
    fourth += 4 * (shift @ pulled) - 4 * (shift @ third)
    return third - (trace + number * length) * shift - 2 * pulled, float(fourth)
