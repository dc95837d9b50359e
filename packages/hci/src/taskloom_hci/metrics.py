"""Numbers about many episodes, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from taskloom.statistics.intervals import interval_of_moments
from taskloom.statistics.shares import share_interval

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.bundle.turns import REWARD_NAMES


def mean_interval(values: NDArray[Any]) -> tuple[float, float | None, float | None]:
    """Return the mean and the ends of its 95 % interval by Student's t; one value has none.

    Of millions of episodes, so the sums are NumPy's; the interval is that of `taskloom.statistics`.
    """
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    found = interval_of_moments(float(np.mean(values)), deviation, len(values))
    return found.estimate, found.low, found.high


def interval_words(low: float | None, high: float | None) -> str:
    """Return an interval in words: `95 % interval 3.312 to 3.441`, or that there is none."""
    if low is None or high is None:
        return "no interval: one episode"
    return f"95 % interval {low:.3f} to {high:.3f}"


def interval_metrics(
    name: str, mean: float, low: float | None, high: float | None
) -> dict[str, float]:
    """Return a mean with the ends of its interval as metrics; ends that there are not have no key."""
    ends = {"mean": mean, "low": low, "high": high}
    return {f"{name}/{end}": value for end, value in ends.items() if value is not None}


def summarise(episodes: Episodes) -> dict[str, float]:
    """Return the metrics of a run: rounds, return and success with 95 % intervals, and the eight rewards a episode."""
    metrics: dict[str, float] = {
        "episodes": float(len(episodes)),
        "rounds/total": float(episodes.total_rounds),
    }
    success = share_interval(int(episodes.is_done.sum()), len(episodes))
    metrics |= interval_metrics("rounds", *mean_interval(episodes.num_rounds))
    metrics |= interval_metrics("return", *mean_interval(episodes.returns))
    metrics |= interval_metrics("success", success.estimate, success.low, success.high)
    if len(episodes) > 1:
        metrics["rounds/sd"] = float(np.std(episodes.num_rounds, ddof=1))
    metrics["rounds/median"] = float(np.median(episodes.num_rounds))
    for name, value in zip(REWARD_NAMES, episodes.rewards.mean(axis=0), strict=True):
        metrics[f"rewards/{name}"] = float(value)
    return metrics
