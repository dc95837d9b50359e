"""Confidence intervals of the AUROC and of any other metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.metrics.curves import checked, require_share
from taskloom_anomaly.metrics.ranking import auroc, average_ranks

if TYPE_CHECKING:
    from jaxtyping import Float


class Bounds(NamedTuple):
    """An interval [low, high]."""

    low: float
    high: float


def placements(normal: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each anomalous sample's share of normal samples below it, and each normal one's share of anomalous above."""
    n, m = len(anomalous), len(normal)
    joint = average_ranks(np.concatenate([anomalous, normal]))
    above = (joint[:n] - average_ranks(anomalous)) / m
    below = 1.0 - (joint[n:] - average_ranks(normal)) / n
    return above, below


def _covariance(placements: np.ndarray) -> np.ndarray:
    # One sample says nothing about its own spread: the variance of the mean is then left at zero.
    count = placements.shape[-1]
    return np.atleast_2d(np.cov(placements)) / count if count > 1 else np.zeros((len(placements),) * 2)  # fmt: skip


def auroc_interval(
    normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"], level: float = 0.95
) -> Bounds:
    """Return an interval of the AUROC that covers it at the sizes of experiments: DeLong's on the scale of the logit.

    DeLong's variance V (Biometrics 44, 1988; by mid-ranks, Sun and Xu 2014) is too small for few samples near 1. With k = min(m, n)
    and w = 10 / (10 + k) it becomes (1 - w) V + w max(H, V), H that of Hanley and McNeil (Radiology 143, 1982) at the same area.

    Of a single sample, or where all scores tie, DeLong's variance knows nothing; then it is A (1 - A) / min(m, n), the largest
    that an area of A can have (Birnbaum and Klose, Ann. Math. Statist. 28, 1957). At perfect separation both are zero and the
    interval would claim certainty. Then k disjoint pairs are k independent trials that all succeeded, and the open end is
    ((1 - level) / 2)^(1 / k).

    Raises:
        ValueError: If `level` is not in [0, 1].
    """
    from scipy.special import ndtri  # scipy is heavy

    require_share("level", level)
    normal, anomalous = checked(normal, anomalous)
    above, below = placements(normal, anomalous)
    area = float(above.mean())
    variance = float((_covariance(above[None]) + _covariance(below[None]))[0, 0])
    tail, fewest = (1 - level) / 2, min(len(normal), len(anomalous))
    if area in (0.0, 1.0):
        reach = tail ** (1 / fewest)
        return Bounds(reach, 1.0) if area == 1.0 else Bounds(0.0, 1 - reach)
    if fewest == 1 or variance == 0:
        half = float(-ndtri(tail) * np.sqrt(area * (1 - area) / fewest))
        return Bounds(max(0.0, area - half), min(1.0, area + half))
    weight = 10 / (10 + fewest)
    floor = max(_hanley_mcneil(area, len(normal), len(anomalous)), variance)
    variance = (1 - weight) * variance + weight * floor
    middle = np.log(area / (1 - area))
    half = float(-ndtri(tail) * np.sqrt(variance)) / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-(middle + sign * half)))) for sign in (-1, 1))
    return Bounds(low, high)


def _hanley_mcneil(area: float, m: int, n: int) -> float:
    """Return the variance of an area between m normal and n anomalous samples whose scores are exponential."""
    above = area / (2 - area) - area**2
    below = 2 * area**2 / (1 + area) - area**2
    return (area * (1 - area) + (n - 1) * above + (m - 1) * below) / (m * n)


def delong_test(
    normal: Float[np.ndarray, "2 m"], anomalous: Float[np.ndarray, "2 n"]
) -> tuple[float, float]:
    """Compare two detectors on the same samples.

    Args:
        normal: Scores of the normal samples by detector.
        anomalous: Scores of the anomalous samples by detector.

    Returns:
        The difference of the AUROCs, first minus second, and its two-sided p-value; 1 when the two never differ.
    """
    from scipy.special import ndtr  # scipy is heavy

    difference, variance = _paired(normal, anomalous)
    if variance <= 1e-15:
        return difference, 1.0 if abs(difference) < 1e-12 else 0.0
    return difference, float(2 * ndtr(-abs(difference) / np.sqrt(variance)))


def auroc_difference(
    normal: Float[np.ndarray, "2 m"], anomalous: Float[np.ndarray, "2 n"], level: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two detectors' AUROCs on the same samples, and DeLong's interval of it, [-1, 1].

    Args:
        normal: Scores of the normal samples by detector.
        anomalous: Scores of the anomalous samples by detector.
        level: Nominal coverage.
    """
    from scipy.special import ndtri  # scipy is heavy

    require_share("level", level)
    difference, variance = _paired(normal, anomalous)
    half = float(-ndtri((1 - level) / 2) * np.sqrt(max(variance, 0.0)))
    return difference, max(difference - half, -1.0), min(difference + half, 1.0)


def _paired(normal: np.ndarray, anomalous: np.ndarray) -> tuple[float, float]:
    """Return the difference of two AUROCs, first minus second, and its variance."""
    pairs = [placements(*checked(n, a)) for n, a in zip(normal, anomalous, strict=True)]
    above, below = (np.stack(side) for side in zip(*pairs, strict=True))
    covariance = _covariance(above) + _covariance(below)
    difference = float(above[0].mean() - above[1].mean())
    return difference, float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def bootstrap_interval(
    normal: Float[np.ndarray, " m"],
    anomalous: Float[np.ndarray, " n"],
    seed: int,
    *,
    metric: Callable[[np.ndarray, np.ndarray], float] = auroc,
    level: float = 0.95,
    resamples: int = 1000,
) -> Bounds:
    """Return the percentile interval over stratified bootstrap resamples: each group is drawn from itself.

    Raises:
        ValueError: If `level` is not in [0, 1], or there is no resample.
    """
    require_share("level", level)
    if resamples < 1:
        raise ValueError(f"A bootstrap needs at least one resample; resamples is {resamples}.")
    normal, anomalous = checked(normal, anomalous)
    rng = np.random.default_rng(seed)
    values = [
        metric(rng.choice(normal, len(normal)), rng.choice(anomalous, len(anomalous)))
        for _ in range(resamples)
    ]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high))
