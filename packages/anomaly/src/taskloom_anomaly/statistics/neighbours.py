"""Exact nearest neighbours among a bounded set of reference rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Rows whose distances to all others are held at once.
_CHUNK = 256
# Every so manieth reference row bounds the distance of the k-th neighbour before all are searched.
_STRIDE = 8


def squared_distances(
    rows: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "r d"]
) -> Float[np.ndarray, "n r"]:
    """Return |row - reference|^2 by one matrix product; close pairs carry a rounding error of about 1e-16 |row|^2."""
    products = rows @ reference.T
    products *= -2.0
    products += np.einsum("nd,nd->n", rows, rows)[:, None]
    products += np.einsum("rd,rd->r", reference, reference)
    return np.maximum(products, 0.0, out=products)


def nearest(
    rows: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "r d"], k: int
) -> tuple[Float[np.ndarray, "n k"], Int[np.ndarray, "n k"]]:
    """Return the distances of the k nearest reference rows, rising, and their indices.

    The matrix product chooses the neighbours; their distances are then taken from the differences, to the last digit.

    Args:
        rows: Rows in float64, centred like the reference.
        reference: Reference rows in float64.
        k: Neighbours, at most r.
    """
    return _chosen(rows, reference, _comparable(rows, reference), k)


def nearest_others(
    reference: Float[np.ndarray, "r d"], k: int
) -> tuple[Float[np.ndarray, "r k"], Int[np.ndarray, "r k"]]:
    """Return the same for the reference rows themselves, none being its own neighbour; k is at most r - 1."""
    parts = []
    for start in range(0, len(reference), _CHUNK):
        rows = reference[start : start + _CHUNK]
        apart = _comparable(rows, reference)
        apart[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        parts.append(_chosen(rows, reference, apart, k))
    distances, indices = zip(*parts, strict=True)
    return np.concatenate(distances), np.concatenate(indices)


def _comparable(rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return |row - reference|^2 - |row|^2: what a row's own order needs, in fewer passes than the distance."""
    products = (-2.0 * rows) @ reference.T
    products += np.einsum("rd,rd->r", reference, reference)
    return products


def _chosen(
    rows: np.ndarray, reference: np.ndarray, apart: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    # Among equals the smaller index comes first, whatever the partition did.
    chosen = np.sort(_smallest(apart, k), axis=1)
    offset = rows[:, None, :] - reference[chosen]
    exact = np.sqrt(np.einsum("nkd,nkd->nk", offset, offset))
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(chosen, order, axis=1)


def _smallest(apart: np.ndarray, k: int) -> Int[np.ndarray, "n k"]:
    """Return the columns of the k smallest values of each row, in no order.

    The k-th smallest of some of the columns bounds the k-th smallest of all; the few values below the bound are then
    searched instead of all, which takes a third of the time.
    """
    some = apart[:, ::_STRIDE]
    if some.shape[1] < 2 * k:
        return np.argpartition(apart, k - 1, axis=1)[:, :k]
    below = apart <= np.partition(some, k - 1, axis=1)[:, k - 1 : k]
    found = np.flatnonzero(below)
    row, column = np.divmod(found, apart.shape[1])
    counts = np.bincount(row, minlength=len(apart))
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    values = np.full((len(apart), int(counts.max())), np.inf)
    columns = np.zeros(values.shape, dtype=np.int64)
    values[row, place], columns[row, place] = apart.ravel()[found], column
    return np.take_along_axis(columns, np.argpartition(values, k - 1, axis=1)[:, :k], axis=1)


def k_centre_greedy(rows: Float[np.ndarray, "n d"], size: int) -> Int[np.ndarray, " size"]:
    """Return the indices of rows that cover the others: first the one nearest to the mean, then always the farthest.

    Gonzalez 1985; within a factor of two of the smallest covering radius.
    """
    squares = np.einsum("nd,nd->n", rows, rows)

    def distance_to(index: int) -> np.ndarray:
        # Rounding may leave a distance to itself below zero.
        return np.maximum(squares - 2.0 * (rows @ rows[index]) + squares[index], 0.0)

    middle = rows - rows.mean(axis=0)
    chosen = [int(np.argmin(np.einsum("nd,nd->n", middle, middle)))]
    covered = distance_to(chosen[0])
    for _ in range(1, min(size, len(rows))):
        chosen.append(int(np.argmax(covered)))
        covered = np.minimum(covered, distance_to(chosen[-1]))
    return np.array(chosen)
