"""Number of seeds that a study needs, before it is run or after a pilot.

Part of `taskloom.statistics`, which offers every name here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from taskloom.statistics.distributions import (
    chi_squared_quantile,
    normal_quantile,
    student_quantile,
)
from taskloom.statistics.intervals import checked_level, checked_values, sample_deviation

# The normal approximation is one short for the very large effects that so few units can show.
_SMALL = 8
# A pilot's deviation is itself uncertain: this bound is above the true one in four of five pilots.
_CONFIDENCE = 0.8


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Units that a study needs.

    Attributes:
        n: Units if the pilot's deviation is the true one.
        cautious_n: Units at the upper 80 % bound of the deviation.
        method: Aim and formula in words.
        level: Level of the interval or test.
        deviation: Standard deviation of the pilot.
        upper_deviation: Its upper 80 % bound.
    """

    n: int
    cautious_n: int
    method: str
    level: float
    deviation: float
    upper_deviation: float


def size_for_half_width(half_width: float, deviation: float, *, level: float = 0.95) -> int:
    """Return the least n whose t interval has at most this half width: t(1 - a/2, n - 1) s / sqrt(n) <= w.

    Args:
        half_width: Half width to reach, above 0.
        deviation: Standard deviation of one unit, in the same unit, at least 0.
        level: Level of the interval.

    Raises:
        ValueError: The half width is not positive, or the deviation is negative or not finite.

    Example:
        >>> [size_for_half_width(w, 1.0) for w in (0.25, 0.5, 1.0)]
        [64, 18, 7]
    """
    if not half_width > 0 or not 0 <= deviation < math.inf:
        raise ValueError(
            f"A half width is above 0 and a deviation at least 0, not {half_width} and {deviation}."
        )
    top = 1 - (1 - checked_level(level)) / 2
    ratio = deviation / half_width
    # The normal quantile is below that of t, so no smaller n can do, and few more are needed.
    n = max(2, math.ceil((normal_quantile(top) * ratio) ** 2))
    while student_quantile(top, n - 1) * ratio > math.sqrt(n):
        n += 1
    return n


def size_for_power(effect: float, *, power: float = 0.8, level: float = 0.95) -> int:
    """Return n for a two-sided t test of differences: (z(1 - a/2) + z(power))^2 / d^2 + z(1 - a/2)^2 / 2, rounded up.

    Args:
        effect: Mean difference over its standard deviation, not 0; its sign does not matter.
        power: Probability of finding the effect.
        level: Level of the test: 0.95 is a two-sided 5 %.

    Raises:
        ValueError: The effect is 0 or not finite, or a probability lies outside (0, 1).

    Source:
        Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35, 1981.

    Example:
        >>> [size_for_power(d) for d in (0.2, 0.5, 0.8, 1.0)]
        [199, 34, 15, 10]
    """
    if effect == 0 or not math.isfinite(effect):
        raise ValueError(f"An effect to find is not 0 and finite, not {effect}.")
    z = normal_quantile(1 - (1 - checked_level(level)) / 2)
    n = math.ceil(((z + normal_quantile(checked_level(power))) / effect) ** 2 + z * z / 2)
    return n + 1 if n < _SMALL else n


def upper_deviation(deviation: float, n: int, *, confidence: float = _CONFIDENCE) -> float:
    """Return the upper bound of a standard deviation, s sqrt((n - 1) / chi2(1 - confidence, n - 1)).

    Args:
        deviation: Standard deviation of the pilot.
        n: Units of the pilot, at least 2.
        confidence: Probability that the bound is above the true deviation.

    Raises:
        ValueError: n is below 2.

    Example:
        >>> round(upper_deviation(1.0, 10), 6)
        1.293385
    """
    if n < 2:
        raise ValueError(f"A pilot needs at least two units, not {n}.")
    quantile = chi_squared_quantile(1 - checked_level(confidence), n - 1)
    return deviation * math.sqrt((n - 1) / quantile)


def plan_half_width(
    pilot: Sequence[float], half_width: float, *, level: float = 0.95
) -> SampleSize:
    """Return how many units reach a half width, by a pilot's deviation and by its upper 80 % bound.

    Args:
        pilot: At least two differences.
        half_width: Half width to reach, above 0.
        level: Level of the interval.

    Raises:
        ValueError: The pilot has fewer than two values, or the half width is not positive.

    Example:
        >>> plan = plan_half_width([1.0, 2.0, 3.0], 0.5)
        >>> plan.n, plan.cautious_n
        (18, 72)
    """
    deviation, upper = _deviations(pilot)
    n, cautious = (size_for_half_width(half_width, s, level=level) for s in (deviation, upper))
    return SampleSize(n, cautious, f"half width {half_width:g}, t", level, deviation, upper)


def plan_power(
    pilot: Sequence[float], difference: float, *, power: float = 0.8, level: float = 0.95
) -> SampleSize:
    """Return how many units find a mean difference, by a pilot's deviation and by its upper 80 % bound.

    Args:
        pilot: At least two differences that are not all equal.
        difference: Mean difference to find, in the unit of the pilot, not 0.
        power: Probability of finding it.
        level: Level of the two-sided t test.

    Raises:
        ValueError: The pilot has fewer than two values or no spread, or the difference is 0.

    Example:
        >>> plan = plan_power([1.0, 2.0, 3.0], 0.5)
        >>> plan.n, plan.cautious_n
        (34, 143)
    """
    deviation, upper = _deviations(pilot)
    if deviation == 0:
        raise ValueError("A pilot whose values are all equal says nothing about power.")
    n, cautious = (
        size_for_power(difference / s, power=power, level=level) for s in (deviation, upper)
    )
    return SampleSize(n, cautious, f"power {power:.0%}, t", level, deviation, upper)


def _deviations(pilot: Sequence[float]) -> tuple[float, float]:
    sample = checked_values(pilot)
    if len(sample) < 2:
        raise ValueError(f"A pilot needs at least two units, not {len(sample)}.")
    deviation = sample_deviation(sample)
    return deviation, upper_deviation(deviation, len(sample))
