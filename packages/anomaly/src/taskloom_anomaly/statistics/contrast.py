"""Two populations under one label: the direction in which a class of the training set is widest, seen from its trusted samples.

Poisoned samples have the label of the target and the activations of their own class, so that under this label lie two populations. Rows are
whitened by the covariance within labels; in each class the widest direction is cut into two groups, and a row's score is its
distance, along that direction, from the group in which the trusted samples lie, in deviations of that group. Where the groups are the halves of one
population, the score is the distance from its mean. After Tran, Li and Madry 2018 (arXiv:1811.00636) and Hayase et al. 2021 (arXiv:2104.11315).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.statistics import shrinkage

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_ROUNDS = 50
# Halves of a normal distribution are 2.6 of their deviations apart, those of a uniform one 3.5.
_APART = 4.0


def contrast(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    trusted: Float[np.ndarray, "t d"],
    trusted_labels: Int[np.ndarray, " t"],
    *others: tuple[Float[np.ndarray, "m d"], Int[np.ndarray, " m"]],
) -> list[Float[np.ndarray, " k"]]:
    """Return the scores of the rows, and of further rows that nothing is taken from.

    Args:
        rows: Activations of the samples that are judged.
        labels: Their labels in the training set.
        trusted: Activations of trusted samples.
        trusted_labels: Their labels.
        *others: Further activations with their labels, such as those of calibration samples.
    """
    groups = [(np.asarray(rows, np.float64), labels), *others]
    white = _whitening(groups[0][0], labels)
    known = np.asarray(trusted, np.float64) @ white
    parts = [(np.asarray(a, np.float64) @ white, b) for a, b in groups]
    found = [np.zeros(len(b)) for _, b in parts]
    for label in np.unique(labels):
        own = parts[0][0][labels == label]
        if len(own) < 3:
            continue
        _, _, directions = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)
        line = own @ directions[0]
        start = known[trusted_labels == label] @ directions[0]
        # Without a trusted sample of the class the larger group counts as the normal one.
        centre, spread = _group(line, float(np.median(start)) if len(start) else None)
        for (values, where), scores in zip(parts, found, strict=True):
            inside = where == label
            scores[inside] = np.abs(values[inside] @ directions[0] - centre) / spread
    return found


def _whitening(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return W with W^T C W = 1 for the shrunk covariance C within labels."""
    inside = np.concatenate([rows[labels == k] - rows[labels == k].mean(axis=0) for k in np.unique(labels)])  # fmt: skip
    scale = inside.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = inside / scale
    covariance = unit.T @ unit / len(unit)
    share = shrinkage.oracle_approximating(covariance, len(unit))
    values, vectors = np.linalg.eigh((1 - share) * covariance + share * np.eye(len(covariance)))
    # What is left of a constant feature is rounding.
    kept = values > 1e-10 * values[-1]
    return np.asarray((vectors[:, kept] / np.sqrt(values[kept])) / scale[:, None])


def _group(line: np.ndarray, start: float | None) -> tuple[float, float]:
    """Return mean and deviation of the normal one of two groups of numbers: 2-means from the outermost quantiles."""
    low, high = np.quantile(line, [0.05, 0.95])
    upper = line > (low + high) / 2
    for _ in range(_ROUNDS):
        if upper.all() or not upper.any():
            break
        middle = (line[upper].mean() + line[~upper].mean()) / 2
        if ((line > middle) == upper).all():
            break
        upper = line > middle
    if upper.all() or not upper.any() or not _are_apart(line[~upper], line[upper]):
        return float(line.mean()), float(line.std()) or 1.0
    if start is None:
        own = upper if upper.mean() > 0.5 else ~upper
    else:
        own = (
            upper if abs(line[upper].mean() - start) < abs(line[~upper].mean() - start) else ~upper
        )
    return float(line[own].mean()), float(line[own].std()) or 1.0


def _are_apart(lower: np.ndarray, upper: np.ndarray) -> bool:
    """Return whether two groups are two populations, and not the halves of one."""
    spread = np.sqrt((lower.var() * len(lower) + upper.var() * len(upper)) / (len(lower) + len(upper)))  # fmt: skip
    return bool(upper.mean() - lower.mean() > _APART * spread)
