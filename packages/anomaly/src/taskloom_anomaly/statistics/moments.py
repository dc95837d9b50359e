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
    # The mean that was subtracted is off by a rounding error; its trace is taken out of the sums at the end.
    rest = np.zeros(width)
    for start in range(0, len(rows), _CHUNK):
        offset = rows[start : start + _CHUNK] - mean
        squares = np.einsum("nd,nd->n", offset, offset)
        scatter += gram(offset)
        third += squares @ offset
        fourth += float(squares @ squares)
        rest += offset.sum(axis=0)
    count = np.asarray(float(len(rows)))
    about_mean = Moments(count, mean, scatter, third, np.asarray(fourth))
    return _centred(about_mean, rest / count)


def _centred(about: Moments, rest: np.ndarray) -> Moments:
    """Return central moments from sums about a point that is `rest` short of the mean."""
    count, scatter, third = about.number, about.scatter, about.third
    length, trace, pulled = rest @ rest, np.trace(scatter), scatter @ rest
    # |y - r|^2 (y - r) and |y - r|^4 expanded and summed, with sum y = n r.
    return Moments(
        count,
        about.mean + rest,
        scatter - count * np.outer(rest, rest),
        third - 2 * pulled - trace * rest + 2 * count * length * rest,
        np.asarray(
            about.fourth
            - 4 * third @ rest
            + 4 * rest @ pulled
            + 2 * length * trace
            - 3 * count * length**2
        ),
    )


def _about(moments: Moments, shift: np.ndarray) -> Moments:
    """Return the same sums about the point m + shift; the mean field is left as it is."""
    count, _, scatter, third, fourth = moments
    length, trace, pulled = shift @ shift, np.trace(scatter), scatter @ shift
    return moments._replace(
        scatter=scatter + count * np.outer(shift, shift),
        third=third - trace * shift - 2 * pulled - count * length * shift,
        fourth=np.asarray(
            fourth + 4 * shift @ pulled + count * length**2 - 4 * shift @ third + 2 * length * trace
        ),
    )


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together."""
    if not a.number:
        return b
    if not b.number:
        return a
    count = a.number + b.number
    step = b.mean - a.mean
    moved_a = _about(a, step * (b.number / count))
    moved_b = _about(b, -step * (a.number / count))
    return Moments(
        count,
        a.mean + step * (b.number / count),
        moved_a.scatter + moved_b.scatter,
        moved_a.third + moved_b.third,
        moved_a.fourth + moved_b.fourth,
    )
