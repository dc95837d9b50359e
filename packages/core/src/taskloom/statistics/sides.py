"""Differences of a figure that is a mean on either of two sides, as the area under a ROC curve is.

Part of `taskloom.statistics`, which offers every name here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from taskloom.statistics.distributions import normal_quantile
from taskloom.statistics.intervals import (
    Interval,
    checked_level,
    checked_values,
    mean,
    sample_deviation,
)


def sides_difference(
    differences: Sequence[float],
    sides: Sequence[int],
    *,
    level: float = 0.95,
    of: str = "sample",
) -> Interval:
    """Return the mean difference of a figure that is the mean over either of two samples, with its normal interval.

    The area under a ROC curve is the mean of the placements of the anomalous samples, and of the normal ones. With the differences
    d of the placements of two scores, the variance is s^2(d of side 1) / m + s^2(d of side 0) / n, which is DeLong's.

    Args:
        differences: Difference of each unit.
        sides: 0 or 1 for each unit.
        level: Nominal coverage.
        of: One unit in words.

    Raises:
        ValueError: The lengths differ, a side is empty, or a value is not finite.

    Source:
        DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988.

    Example:
        >>> found = sides_difference([0.25, -0.25, 0.0, 0.5, -0.5, 0.0, 0.0], [1, 1, 1, 0, 0, 0, 0])
        >>> found.estimate, round(found.standard_error ** 2, 8)
        (0.0, 0.0625)
    """
    values = checked_values(differences)
    if len(sides) != len(values):
        raise ValueError("Every difference has a side.")
    parts = [[v for v, s in zip(values, sides, strict=True) if s == side] for side in (0, 1)]
    if not all(parts):
        raise ValueError("There is a unit on either side.")
    estimate = mean(parts[1])
    if min(map(len, parts)) == 1:
        reason = f"one {of} says nothing about others"
        return Interval(estimate, None, None, level, len(values), "DeLong", no_interval=reason)
    error = math.sqrt(math.fsum(sample_deviation(part) ** 2 / len(part) for part in parts))
    half = normal_quantile(0.5 + checked_level(level) / 2) * error
    ends = (estimate - half, estimate + half)
    return Interval(estimate, *ends, level, len(values), "DeLong, paired", error)
