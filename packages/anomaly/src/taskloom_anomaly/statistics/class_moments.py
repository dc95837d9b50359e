"""Streaming means by class and the scatter within classes, in one pass and mergeable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.statistics.products import products

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# As in `moments`: rows in float64 at a time.
_CHUNK = 1024


class ClassMoments(NamedTuple):
    """The moments of vectors that belong to K classes.

    Attributes:
        counts: Vectors a class, shape (K,).
        means: Class means, shape (K, d).
        within: sum over classes of the scatter about the class's mean, shape (d, d).
    """

    counts: np.ndarray
    means: np.ndarray
    within: np.ndarray

    @property
    def total_mean(self) -> np.ndarray:
        """The mean of all vectors, shape (d,)."""
        return self.counts @ self.means / self.counts.sum()

    @property
    def total_scatter(self) -> np.ndarray:
        """The scatter of all vectors about their mean: within plus between, shape (d, d)."""
        apart = np.sqrt(self.counts)[:, None] * (self.means - self.total_mean)
        return self.within + apart.T @ apart


def empty(num_classes: int, width: int) -> ClassMoments:
    """Return the moments of no vectors."""
    return ClassMoments(
        np.zeros(num_classes), np.zeros((num_classes, width)), np.zeros((width, width))
    )


def of_rows(
    rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"], num_classes: int
) -> ClassMoments:
    """Return the moments of a batch."""
    counts = np.bincount(classes, minlength=num_classes).astype(np.float64)
    # One product with the membership matrix is faster than a loop over classes.
    member = np.zeros((num_classes, len(rows)))
    member[classes, np.arange(len(rows))] = 1.0
    share = member / np.maximum(counts, 1.0)[:, None]
    means = share @ rows
    near = means.astype(rows.dtype)
    within = np.zeros((rows.shape[1],) * 2)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        within += products(rows[chunk] - near[classes[chunk]])
    # What rounding the means to the rows' precision has moved (see `moments.of_rows`).
    moved = np.sqrt(counts)[:, None] * (means - near)
    within -= moved.T @ moved
    return ClassMoments(counts, means, within)


def merge(a: ClassMoments, b: ClassMoments) -> ClassMoments:
    """Return the moments of both sets together."""
    counts = a.counts + b.counts
    share = b.counts / np.maximum(counts, 1.0)
    step = np.where((a.counts > 0)[:, None], b.means - a.means, 0.0)
    weight = a.counts * share
    means = np.where((a.counts > 0)[:, None], a.means + share[:, None] * step, b.means)
    step = np.where((b.counts > 0)[:, None], step, 0.0)
    return ClassMoments(counts, means, a.within + b.within + (step * weight[:, None]).T @ step)
