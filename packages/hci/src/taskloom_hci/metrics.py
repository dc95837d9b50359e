"""Numbers about many episodes, with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.bundle.turns import REWARD_NAMES

Z_95 = 1.959963984540054


def mean_interval(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return the mean and the ends of its 95 % interval, from the normal approximation; one value has no width."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = Z_95 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def share_interval(hits: int, total: int) -> tuple[float, float, float]:
    """Return a share and its 95 % Wilson score interval (Wilson, JASA 1927)."""
    p, z2 = hits / total, Z_95**2
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return p, max(centre - half, 0.0), min(centre + half, 1.0)


def summarise(episodes: Episodes) -> dict[str, float]:
    """Return the metrics of a run: rounds, return and success with 95 % intervals, and the eight rewards a episode."""
    metrics: dict[str, float] = {
        "episodes": float(len(episodes)),
        "rounds/total": float(episodes.total_rounds),
    }
    groups = {
        "rounds": mean_interval(episodes.num_rounds),
        "return": mean_interval(episodes.returns),
        "success": share_interval(int(episodes.is_done.sum()), len(episodes)),
    }
    for name, (mean, low, high) in groups.items():
        metrics[f"{name}/mean"] = mean
        metrics[f"{name}/low"] = low
        metrics[f"{name}/high"] = high
    metrics["rounds/sd"] = float(np.std(episodes.num_rounds, ddof=1)) if len(episodes) > 1 else 0.0
    metrics["rounds/median"] = float(np.median(episodes.num_rounds))
    for name, value in zip(REWARD_NAMES, episodes.rewards.mean(axis=0), strict=True):
        metrics[f"rewards/{name}"] = float(value)
    return metrics
