"""Streaming moments of a stream of vectors: memory d^2 whatever the number of samples, and exact merging.

With the mean m and y_i = x_i - m the state holds n, m and S = sum y y^T, and where they are asked for t = sum |y|^2 y and
q = sum |y|^4, which is what Ledoit and Wolf's shrinkage needs beyond the covariance. Two sets are merged by moving both to the
common mean, which is Chan, Golub and LeVeque's update for S, and its analogue for t and q; nothing large is ever subtracted, so
a mean of 1e4 costs no digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.statistics.products import add_outer, products

if TYPE_CHECKING:
    from jaxtyping import Float

# Rows in float64 at a time: what a symmetric product needs to run at full speed, and no more memory than that.
_CHUNK = 1024


class Moments(NamedTuple):
    """The moments of n vectors of width d about their mean.

    Attributes:
        number: n, shape ().
        mean: m, shape (d,).
        scatter: S, shape (d, d).
        third: t, shape (d,); empty where the fourth moment is not tracked.
        fourth: q, shape (); NaN where it is not tracked.
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

    @property
    def has_fourth(self) -> bool:
        """True where the third and the fourth moment are tracked."""
        return self.third.size > 0


def empty(width: int, *, fourth: bool = False) -> Moments:
    """Return the moments of no vectors.

    Args:
        width: d, at least 1.
        fourth: Whether the third and the fourth moment are tracked.
    """
    return Moments(
        np.zeros(()),
        np.zeros(width),
        np.zeros((width, width)),
        np.zeros(width if fourth else 0),
        np.asarray(0.0 if fourth else np.nan),
    )


def of_rows(rows: Float[np.ndarray, "n d"], *, fourth: bool = False) -> Moments:
    """Return the moments of a batch, about a mean that is exact.

    Offsets of float32 rows stay float32: they are taken from the mean rounded to float32, which is exact but for their own last
    digit, and what the rounding moved is put right afterwards.

    Args:
        rows: At least one vector; float32 or float64.
        fourth: Whether the third and the fourth moment are taken.
    """
    count, width = rows.shape
    chunks = [rows[start : start + _CHUNK] for start in range(0, count, _CHUNK)]
    # BLAS adds columns faster than numpy does.
    sums = [np.ones(len(part)) @ part.astype(np.float64, copy=False) for part in chunks]
    mean = np.sum(sums, axis=0) / count
    near = mean.astype(rows.dtype)
    scatter, third, power = np.zeros(0), np.zeros(width), 0.0
    for part in chunks:
        offset = part - near
        further = products(offset)
        scatter = np.add(scatter, further, out=scatter) if scatter.size else further
        if fourth:
            wide = offset - (mean - near)
            squares = np.einsum("nd,nd->n", wide, wide)
            third += squares @ wide
            power += float(squares @ squares)
    moved = mean - near
    # What rounding has moved is mostly below the noise of the sum, and the correction is a pass over all of S.
    if (count * moved**2 > 1e-12 * scatter.diagonal()).any():
        scatter = add_outer(scatter, moved, -count)
    return Moments(
        np.asarray(float(count)),
        mean,
        scatter,
        third if fourth else np.zeros(0),
        np.asarray(power if fourth else np.nan),
    )


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together: the sums of each about the common mean, added."""
    # The mean of no vectors is no point that could be moved.
    if not a.number:
        return b
    if not b.number:
        return a
    number, step = a.number + b.number, b.mean - a.mean
    scatter = add_outer(a.scatter + b.scatter, step, float(a.number * b.number / number))
    third, fourth = np.zeros(0), np.nan
    if a.has_fourth and b.has_fourth:
        third_a, fourth_a = _about(a, step * (b.number / number))
        third_b, fourth_b = _about(b, step * (-a.number / number))
        third, fourth = third_a + third_b, fourth_a + fourth_b
    return Moments(number, a.mean + step * (b.number / number), scatter, third, np.asarray(fourth))


def add(known: Moments, rows: Float[np.ndarray, "n d"]) -> Moments:
    """Return the moments after further rows."""
    return merge(known, of_rows(rows, fourth=known.has_fourth))


def _about(known: Moments, shift: np.ndarray) -> tuple[np.ndarray, float]:
    """Return t and q about the point m + shift, by expanding |y - s|^2 (y - s) and |y - s|^4 with sum y = 0."""
    number, third = float(known.number), known.third
    length, trace, pulled = float(shift @ shift), np.trace(known.scatter), known.scatter @ shift
    fourth = known.fourth + number * length**2 + 2 * length * trace
    fourth += 4 * (shift @ pulled) - 4 * (shift @ third)
    return third - (trace + number * length) * shift - 2 * pulled, float(fourth)
