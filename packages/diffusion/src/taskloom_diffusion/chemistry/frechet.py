"""Frechet distance between two sets of activations, from their sums alone, with its error by the jackknife."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

GROUPS = 10
"""Parts of which the jackknife leaves out one at a time."""


@dataclass(frozen=True)
class GaussianFit:
    """Mean and covariance of activations.

    Attributes:
        count: Number of molecules N.
        mean: Mean (D,), float64.
        covariance: Covariance (D, D) with N - 1 below, float64.
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray


def moments(rows: np.ndarray) -> GaussianFit:
    """Return mean and covariance of rows (N, D), N at least 2."""
    return grouped_moments(rows, np.zeros(len(rows), dtype=int), [()])[0]


def grouped_moments(
    rows: np.ndarray, group: np.ndarray, left_out: Iterable[Sequence[int]]
) -> list[GaussianFit]:
    """Return mean and covariance of rows without some groups, for each choice of groups.

    Sums of every group are taken once, around the mean of all rows, so that what is left after subtraction has its digits.

    Args:
        rows: Activations (N, D).
        group: Group of each row (N,).
        left_out: For each result the groups that are not in it.
    """
    shift = rows.mean(axis=0, dtype=np.float64)
    sums = []
    for number in range(int(group.max(initial=0)) + 1):
        part = rows[group == number].astype(np.float64) - shift
        sums.append((len(part), part.sum(axis=0), part.T @ part))
    found = []
    for without in left_out:
        chosen = [item for number, item in enumerate(sums) if number not in without]
        count = sum(item[0] for item in chosen)
        mean = sum(item[1] for item in chosen) / count
        squares = sum(item[2] for item in chosen)
        covariance = (squares - count * np.outer(mean, mean)) / (count - 1)
        found.append(GaussianFit(count, shift + mean, covariance))
    return found


class FrechetTarget:
    """A reference to measure distances to.

    The distance of two Gaussians is |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson and Landau 1982). The trace of the root is
    the sum of the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric: no matrix root of a product that is not,
    no imaginary part to throw away, nothing added to the diagonal.

    Args:
        reference: Mean and covariance of the reference.
    """

    def __init__(self, reference: GaussianFit) -> None:
        self._reference = reference
        values, vectors = np.linalg.eigh(reference.covariance)
        # Rounding leaves tiny negative eigenvalues where the rank is not full.
        self._root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T

    def distance(self, other: GaussianFit) -> float:
        """Return the squared Frechet distance, never below 0."""
        inner = self._root @ other.covariance @ self._root
        values = np.linalg.eigvalsh((inner + inner.T) / 2)
        cross = np.sqrt(np.maximum(values, 0.0)).sum()
        apart = other.mean - self._reference.mean
        traces = np.trace(other.covariance) + np.trace(self._reference.covariance)
        return max(float(apart @ apart + traces - 2 * cross), 0.0)


def jackknife_error(values: Sequence[float]) -> float:
    """Return the standard error from the figures that each leave out one of the groups.

    An ordinary bootstrap is wrong for the Frechet distance: repeated molecules bias it by as much as it is.
    """
    found = np.asarray(values)
    return float(np.sqrt((len(found) - 1) / len(found) * ((found - found.mean()) ** 2).sum()))


def groups_of(count: int, seed: int = 0) -> np.ndarray:
    """Return the group (N,) of each of N molecules: groups of equal size, drawn at random, since the order may mean something."""
    return np.random.default_rng(seed).permutation(np.arange(count) % GROUPS)
