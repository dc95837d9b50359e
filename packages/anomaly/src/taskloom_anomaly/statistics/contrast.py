"""Two populations under one label: the samples of a class that carry a shift which its trusted samples do not carry.

Poisoned samples have the label of the target, and the activations of their own class moved by what the trigger adds: under this label lie samples
x ~ N(m_k, C) of the class k itself, and samples x ~ N(m_j + v, C) of any class j with a common shift v. The means of the other classes and
the covariance C within them are known from their own rows, so that the shift and the shares alone are found by expectation and maximisation, from
several beginnings. A linear discriminant of the two groups is then iterated with its own cut: where the mixture is right it sharpens it.

Classes are no single populations either: a crooked and an upright one are two. So a second group counts only if fewer trusted samples lie in it than
would by chance (one in twenty), or if none does and it lies farther off than the parts of a class do. Scores are distances along the discriminant from the group of the trusted samples, in its deviations, and
0 in classes of which no second group is found. After Tran, Li and Madry 2018 (arXiv:1811.00636) and Hayase et al. 2021 (arXiv:2104.11315).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.statistics import shrinkage
from taskloom_anomaly.statistics.two_groups import upper_group

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

_ROUNDS = 40
# Fewer rows are no population.
_FEWEST = 5
# Wide directions of a class at whose ends a second population is looked for.
_DIRECTIONS = 6
# Chance with which trusted samples miss a group of their own class.
_CHANCE = 0.05
# Halves of one population are 2.6 to 3.5 of their deviations apart.
_APART = 4.0
# Groups so far apart, and of such a share, are none of one class; chosen on the seeds 100 and 101 of the shipped triggers.
_FAR, _SHARE = 20.0, 0.1


class _Cut(NamedTuple):
    """A direction along which a class falls apart, and the group of its trusted samples."""

    direction: np.ndarray
    centre: float
    spread: float
    apart: float


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
    groups = [(np.asarray(rows, np.float64), labels), *((np.asarray(a, np.float64), b) for a, b in others)]  # fmt: skip
    values, known = groups[0][0], np.asarray(trusted, np.float64)
    classes = np.unique(labels)
    middles = {label: np.median(values[labels == label], axis=0) for label in classes}
    found = [np.zeros(len(where)) for _, where in groups]
    for label in classes:
        own = known[trusted_labels == label]
        if (labels == label).sum() < 4 * _FEWEST or not len(own) or len(classes) < 2:
            continue
        rest = [other for other in classes if other != label]
        white = _whitening(values, labels, rest)
        means = np.stack([middles[other] for other in rest]) @ white
        cut = _cut(values[labels == label] @ white, own @ white, means)
        if cut is None:
            continue
        for (part, where), scores in zip(groups, found, strict=True):
            inside = where == label
            scores[inside] = (part[inside] @ white @ cut.direction - cut.centre) / cut.spread
    return found


def _cut(x: np.ndarray, own: np.ndarray, means: np.ndarray) -> _Cut | None:
    """Return the sharpest cut of a class behind which too few of its trusted samples lie; None if there is none."""
    best: _Cut | None = None
    seen: set[bytes] = set()
    for second in _beginnings(x, own, means):
        if second.tobytes() in seen:
            continue
        seen.add(second.tobytes())
        cut = _discriminant(x, own, second)
        if cut is not None and (best is None or cut.apart > best.apart):
            best = cut
    return best


def _beginnings(x: np.ndarray, own: np.ndarray, means: np.ndarray) -> Iterator[Bool[np.ndarray, " n"]]:  # fmt: skip
    """Yield guesses at the second group: shifted classes from several shifts, and the sides of wide directions."""
    centre = own.mean(axis=0)
    _, _, directions = np.linalg.svd(x - np.median(x, axis=0), full_matrices=False)
    yield _shifted(x, own, means, np.zeros(x.shape[1]))
    for direction in directions[:_DIRECTIONS]:
        line = (x - centre) @ direction
        for end in (x[line >= np.quantile(line, 0.9)], x[line <= np.quantile(line, 0.1)]):
            yield _shifted(x, own, means, end.mean(axis=0) - means.mean(axis=0))
        yield upper_group(line)


def _shifted(
    x: np.ndarray, own: np.ndarray, means: np.ndarray, shift: np.ndarray
) -> Bool[np.ndarray, " n"]:
    """Return which rows are more likely some class with a common shift than the class itself: expectation and maximisation."""
    middle = own.mean(axis=0)
    # The class itself, and all classes shifted: poison is put onto samples of the target, too.
    share = np.r_[0.7, np.full(len(means) + 1, 0.3 / (len(means) + 1))]
    squares, last = (x**2).sum(axis=1), -np.inf
    likely = np.zeros((len(x), len(share)))
    for _ in range(_ROUNDS):
        centres = np.vstack([middle, np.vstack([middle, means]) + shift])
        distance = squares[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
        log = np.log(share) - distance / 2
        top = log.max(axis=1, keepdims=True)
        total = (top + np.log(np.exp(log - top).sum(axis=1, keepdims=True)))[:, 0]
        likely = np.exp(log - total[:, None])
        if total.sum() - last < 1e-3 * len(x):
            break
        last = float(total.sum())
        moved = likely[:, 1:]
        if moved.sum() < 2:
            break
        share = np.maximum(likely.mean(axis=0), 1e-6)
        share /= share.sum()
        before = np.vstack([middle, means])
        shift = (moved.sum(axis=1) @ x - moved.sum(axis=0) @ before) / moved.sum()
        # Trusted samples are of the class for certain.
        of_class = likely[:, 0] @ x + likely[:, 1] @ (x - shift) + own.sum(axis=0)
        middle = of_class / (likely[:, :2].sum() + len(own))
    return np.asarray(likely[:, 0] < 0.5)


def _discriminant(x: np.ndarray, own: np.ndarray, second: np.ndarray) -> _Cut | None:
    """Return the cut to which a guess leads, or None if it leads to no second group that trusted samples are missing in."""
    direction, line = np.zeros(x.shape[1]), np.zeros(len(x))
    for _ in range(_ROUNDS):
        if min(second.sum(), (~second).sum()) < _FEWEST:
            return None
        step = x[second].mean(axis=0) - x[~second].mean(axis=0)
        inside = np.where(second[:, None], x - x[second].mean(axis=0), x - x[~second].mean(axis=0))
        covariance = inside.T @ inside / len(x)
        share = shrinkage.oracle_approximating(covariance, len(x))
        scale = share * float(np.trace(covariance)) / len(step)
        direction = np.linalg.solve((1 - share) * covariance + scale * np.eye(len(step)), step)
        line = x @ direction
        again = upper_group(line, second)
        if (again == second).all():
            break
        second = again
    if min(second.sum(), (~second).sum()) < _FEWEST:
        return None
    side = own @ direction > (line[second].mean() + line[~second].mean()) / 2
    if side.mean() > 0.5:
        second, side, line, direction = ~second, ~side, -line, -direction
    spread = np.sqrt((line[second].var() * second.sum() + line[~second].var() * (~second).sum()) / len(x))  # fmt: skip
    apart = float((line[second].mean() - line[~second].mean()) / max(spread, 1e-300))
    share = float(second.mean())
    chance = _at_most(int(side.sum()), len(own), share)
    # A few trusted samples may miss a third of a class by chance; no part of handwriting lies so far from the rest.
    is_far = apart > _FAR and share > _SHARE and not side.any()
    if apart < _APART or (chance > _CHANCE and not is_far):
        return None
    rest = line[~second]
    return _Cut(direction, float(rest.mean()), float(rest.std()) or 1.0, apart)


def _at_most(k: int, n: int, share: float) -> float:
    """Return the probability of at most k successes of n, for any number of samples."""
    from scipy.special import bdtr  # scipy is heavy

    return float(bdtr(k, n, share))


def _whitening(
    rows: np.ndarray, labels: np.ndarray, classes: list[int]
) -> Float[np.ndarray, "d r"]:
    """Return W with W^T C W = 1 for the shrunk covariance C within some classes."""
    inside = np.concatenate([rows[labels == k] - rows[labels == k].mean(axis=0) for k in classes])
    scale = inside.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = inside / scale
    covariance = unit.T @ unit / len(unit)
    share = shrinkage.oracle_approximating(covariance, len(unit))
    values, vectors = np.linalg.eigh((1 - share) * covariance + share * np.eye(len(covariance)))
    # What is left of a constant feature is rounding.
    kept = values > 1e-10 * values[-1]
    return np.asarray((vectors[:, kept] / np.sqrt(values[kept])) / scale[:, None])
