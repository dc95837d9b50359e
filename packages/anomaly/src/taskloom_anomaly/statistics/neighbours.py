"""Exact nearest neighbours among a bounded set of reference rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

# Rows whose distances to all others are held at once.
_CHUNK = 256


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
    return _chosen(rows, reference, squared_distances(rows, reference), k)


def nearest_others(
    reference: Float[np.ndarray, "r d"], k: int
) -> tuple[Float[np.ndarray, "r k"], Int[np.ndarray, "r k"]]:
    """Return the same for the reference rows themselves, none being its own neighbour; k is at most r - 1."""
    parts = []
    for start in range(0, len(reference), _CHUNK):
        rows = reference[start : start + _CHUNK]
        apart = squared_distances(rows, reference)
        apart[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        parts.append(_chosen(rows, reference, apart, k))
    distances, indices = zip(*parts, strict=True)
    return np.concatenate(distances), np.concatenate(indices)


def _chosen(
    rows: np.ndarray, reference: np.ndarray, apart: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.argpartition(apart, k - 1, axis=1)[:, :k]
    # Among equals the smaller index comes first, whatever the partition did.
    chosen = np.sort(chosen, axis=1)
    offset = rows[:, None, :] - reference[chosen]
    exact = np.sqrt(np.einsum("nkd,nkd->nk", offset, offset))
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(chosen, order, axis=1)


def k_centre_greedy(rows: Float[np.ndarray, "n d"], size: int) -> Int[np.ndarray, " size"]:
    """Return the indices of rows that cover the others: first the one nearest to the mean, then always the farthest.

    Gonzalez 1985; within a factor of two of the smallest covering radius.
    """
    squares = np.einsum("nd,nd->n", rows, rows)

    def distance_to(index: int) -> np.ndarray:
        return np.maximum(squares - 2.0 * (rows @ rows[index]) + squares[index], 0.0)

    middle = rows - rows.mean(axis=0)
    chosen = [int(np.argmin(np.einsum("nd,nd->n", middle, middle)))]
    covered = distance_to(chosen[0])
    for _ in range(1, min(size, len(rows))):
        chosen.append(int(np.argmax(covered)))
        covered = np.minimum(covered, distance_to(chosen[-1]))
    return np.array(chosen)
