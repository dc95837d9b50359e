"""Interpolation on a regular grid of the simplex, on the triangulation of Freudenthal.

A belief b over T hypotheses is written as x_i = M sum_{j >= i} b_j, so that M = x_1 >= x_2 >= ... >= 0; whole points of that
cone are the beliefs whose entries are multiples of 1 / M. The simplex around x has T vertices: its whole part, and that with one
more in the places of the largest fractions, one after the other (Lovejoy, Operations Research 39(1), 1991).
"""

from __future__ import annotations

from functools import cache
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


class SimplexGrid:
    """All beliefs over T hypotheses whose entries are multiples of 1 / M.

    Args:
        hypotheses: T.
        parts: M.
    """

    def __init__(self, hypotheses: int, parts: int) -> None:
        self.hypotheses, self.parts = hypotheses, parts
        # below[i, n]: whole points of the i last places that are at most n - 1; the rank of a point is a sum of them.
        self._below = np.array(
            [
                [comb(n + i - 1, i) if n + i else 1 for n in range(parts + 2)]
                for i in range(hypotheses)
            ],
            dtype=np.int64,
        )
        self.points = _points(hypotheses, parts) / parts

    @staticmethod
    def size(hypotheses: int, parts: int) -> int:
        """Return the number of its points."""
        return comb(parts + hypotheses - 1, hypotheses - 1)

    def rank(self, whole: Int) -> Int:
        """Return the numbers (...,) of whole points M = x_1 >= x_2 >= ... (..., T), in the order of `points`."""
        found = np.zeros(whole.shape[:-1], dtype=np.int64)
        for i in range(1, self.hypotheses):
            found += self._below[self.hypotheses - i, whole[..., i]]
        return found

    def interpolate(self, beliefs: Float) -> tuple[Int, Float]:
        """Return the numbers of the vertices around beliefs (..., T) and their weights, (..., T) each."""
        x = np.cumsum(beliefs[..., ::-1], axis=-1)[..., ::-1] * self.parts
        x[..., 0] = self.parts
        # Sums that miss a whole number by rounding stand for it, and none exceeds the one before.
        near = np.rint(x)
        x = np.where(np.abs(x - near) < 1e-9, near, x)
        x = np.clip(np.minimum.accumulate(x, axis=-1), 0.0, self.parts)
        whole = np.floor(x).astype(np.int64)
        fraction = x - whole
        order = np.argsort(-fraction, axis=-1, kind="stable")
        ranked = np.take_along_axis(fraction, order, axis=-1)
        weights: Float = np.empty(x.shape)
        weights[..., 0] = 1.0 - ranked[..., 0]
        weights[..., 1:] = ranked[..., :-1] - ranked[..., 1:]
        numbers = np.empty(x.shape, dtype=np.int64)
        vertex = whole.copy()
        numbers[..., 0] = self.rank(vertex)
        for i in range(1, self.hypotheses):
            place = order[..., i - 1 : i]
            np.put_along_axis(vertex, place, np.take_along_axis(vertex, place, -1) + 1, -1)
            # A vertex of no weight may lie outside the cone; any point stands in for it.
            numbers[..., i] = np.where(
                weights[..., i] > 0.0, self.rank(np.minimum(vertex, self.parts)), 0
            )
        return numbers, weights


@cache
def _points(hypotheses: int, parts: int) -> Float:
    """Return the entries (N, T) of all points, in the order of their ranks: x_2, x_3, ... ascending, the first most slowly."""
    rows = [[parts]]
    for _ in range(hypotheses - 1):
        rows = [[*row, following] for row in rows for following in range(row[-1] + 1)]
    x = np.array(rows, dtype=np.float64)
    after = np.concatenate([x[:, 1:], np.zeros((len(x), 1))], axis=1)
    return np.asarray(x - after)
