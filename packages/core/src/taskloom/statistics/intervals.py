"""The interval record, and the t interval of a mean.

Part of `taskloom.statistics`, which offers every name here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from taskloom.statistics.distributions import normal_quantile, student_quantile

_SKEWED = 1.0
_ENOUGH_FOR_SKEWED = 50
_COMPLETE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the interval that its data support.

    Attributes:
        estimate: The figure itself.
        low: Lower end; None where there is no interval.
        high: Upper end; None where there is no interval.
        level: Nominal coverage, in (0, 1).
        n: Independent units behind it.
        method: Name to print beside the interval.
        standard_error: Standard error of the estimate, where the method has one.
        notes: Words that must stand beside the figure: "n = 2", "all seeds equal".
        no_interval: The reason, if and only if `low` is None.
    """

    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int
    method: str
    standard_error: float | None = None
    notes: tuple[str, ...] = ()
    no_interval: str = ""

    @property
    def half_width(self) -> float | None:
        """Half the distance between the ends; None without an interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def contains(self, value: float) -> bool:
        """Return true if the value lies inside, ends included; everything does where there is no interval."""
        return self.low is None or self.high is None or self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class LevelInterval:
    """The mean of one level, with a warning where a t interval of skewed values misleads.

    Attributes:
        mean: The t interval of the mean.
        skewness: Third central moment over the cubed standard deviation.
        warning: One sentence; empty where there is nothing to warn of.
        geometric: The geometric mean, its interval taken on the log scale; only beside a warning and for positive values.
    """

    mean: Interval
    skewness: float
    warning: str = ""
    geometric: Interval | None = None


def mean(values: Sequence[float]) -> float:
    """Return the mean, rounded once, so that the order of the values cannot matter.

    Example:
        >>> mean([1.0, 2.0, 6.0])
        3.0
    """
    # Equal values: n times a number, divided by n, may differ from the number in its last bit.
    return values[0] if min(values) == max(values) else math.fsum(values) / len(values)


def sample_deviation(values: Sequence[float]) -> float:
    """Return the standard deviation with n - 1 in the denominator; exactly 0 for equal values.

    Args:
        values: At least two numbers.

    Example:
        >>> sample_deviation([1.0, 2.0, 3.0])
        1.0
    """
    center = mean(values)
    scale = max(abs(value - center) for value in values)
    if scale == 0:
        return 0.0
    # Relative to the widest deviation: the square of a cost that diverged to 1e200 is no float.
    squares = math.fsum(((value - center) / scale) ** 2 for value in values)
    return scale * math.sqrt(squares / (len(values) - 1))


def mean_interval(values: Sequence[float], *, level: float = 0.95, of: str = "seed") -> Interval:
    """Return the mean with its t interval, m +- t(1 - a/2, n - 1) s / sqrt(n).

    Args:
        values: One number for each independent unit: a seed, an episode, a pair.
        level: Nominal coverage.
        of: One unit in words, for the notes.

    Raises:
        ValueError: There is no value, or one is not finite.

    Source:
        Student, "The probable error of a mean", Biometrika 6, 1908.

    Example:
        >>> interval = mean_interval([1.0, 2.0, 3.0])
        >>> round(interval.estimate, 3), round(interval.half_width, 8)
        (2.0, 2.48413771)
        >>> mean_interval([1.0]).no_interval
        'one seed says nothing about others'
    """
    sample = checked_values(values)
    alpha = 1 - checked_level(level)
    n = len(sample)
    center = mean(sample)
    if n == 1:
        reason = f"one {of} says nothing about others"
        return Interval(center, None, None, level, 1, "t", no_interval=reason)
    deviation = sample_deviation(sample)
    error = deviation / math.sqrt(n)
    half = student_quantile(1 - alpha / 2, n - 1) * error
    # With two values the factor is 12.7; a reader has to see why the interval is so wide.
    notes: tuple[str, ...] = ("n = 2",) if n == 2 else ()
    if deviation == 0:
        notes += (f"all {of}s equal",)
    return Interval(center, center - half, center + half, level, n, "t", error, notes)


def interval_of_moments(
    center: float, deviation: float, n: int, *, level: float = 0.95, of: str = "episode"
) -> Interval:
    """Return the t interval of a mean whose sums another library has taken, as of millions of episodes.

    Args:
        center: Mean of the values.
        deviation: Their standard deviation, n - 1 in the denominator.
        n: Number of values, at least 1.
        level: Nominal coverage.
        of: One unit in words, for the notes.

    Example:
        >>> round(interval_of_moments(2.0, 1.0, 3).half_width, 8)
        2.48413771
    """
    if n == 1:
        return mean_interval([center], level=level, of=of)
    quantile = student_quantile(1 - (1 - checked_level(level)) / 2, n - 1)
    half, error = quantile * deviation / math.sqrt(n), deviation / math.sqrt(n)
    return Interval(center, center - half, center + half, level, n, "t", error)


def normal_interval(
    estimate: float, standard_error: float, n: int, *, level: float = 0.95
) -> Interval:
    """Return an estimate with the interval of its own standard error, m +- z(1 - a/2) s: of large samples and ratios.

    Args:
        estimate: The figure.
        standard_error: Its standard error.
        n: Independent units behind it.
        level: Nominal coverage.

    Example:
        >>> round(normal_interval(1.0, 0.5, 100).half_width, 6)
        0.979982
    """
    half = normal_quantile(1 - (1 - checked_level(level)) / 2) * standard_error
    return Interval(estimate, estimate - half, estimate + half, level, n, "normal", standard_error)


def skewness(values: Sequence[float]) -> float:
    """Return the third central moment over the cubed standard deviation, both with n in the denominator; 0 if all are equal.

    The estimate is not corrected for bias: the corrected one warns of every fourth *normal* sample of five.

    Example:
        >>> round(skewness([1.0, 1.0, 1.0, 5.0]), 6)
        1.154701
    """
    sample = checked_values(values)
    center = mean(sample)
    scale = max(abs(value - center) for value in sample)
    if scale == 0:
        return 0.0
    # Relative to the widest deviation, since cubes of small numbers underflow.
    moments = [math.fsum(((v - center) / scale) ** k for v in sample) / len(sample) for k in (2, 3)]
    return moments[1] / math.pow(moments[0], 1.5)


def level_interval(
    values: Sequence[float], *, level: float = 0.95, of: str = "seed"
) -> LevelInterval:
    """Return the t interval of a level, which is no difference, and what to use instead where it is skewed.

    The t interval of one lognormal covers 81 to 91 % instead of 95 %; that of a difference of two keeps its 95 %.

    Args:
        values: One number for each independent unit.
        level: Nominal coverage.
        of: One unit in words.

    Raises:
        ValueError: There is no value, or one is not finite.

    Example:
        >>> level_interval([0.2, 0.1, 3.9, 0.4, 0.3]).warning
        'skewed (1.5) with n = 5: the interval covers less than it says; trust differences'
    """
    plain = mean_interval(values, level=level, of=of)
    skew = skewness(values)
    if abs(skew) <= _SKEWED or plain.n >= _ENOUGH_FOR_SKEWED:
        return LevelInterval(plain, skew)
    warning = f"skewed ({skew:.2g}) with n = {plain.n}: the interval covers less than it says; trust differences"
    return LevelInterval(plain, skew, warning, _geometric(values, level, of))


def missing_note(finished: int, planned: int, of: str = "seed") -> str:
    """Return the words for a cell that lacks some of its runs; empty if it lacks none.

    Example:
        >>> missing_note(7, 10)
        '7 of 10 seeds: incomplete'
    """
    if finished >= planned:
        return ""
    mark = ": incomplete" if finished < _COMPLETE_SHARE * planned else ""
    return f"{finished} of {planned} {of}s{mark}"


def checked_values(values: Sequence[float]) -> list[float]:
    """Return the values as floats, or refuse none at all and those that are not finite.

    Raises:
        ValueError: There is no value, or one is not finite.

    Example:
        >>> checked_values((1, 2))
        [1.0, 2.0]
    """
    sample = [float(value) for value in values]
    if not sample:
        raise ValueError("There is no value to take an interval of.")
    if not all(map(math.isfinite, sample)):
        raise ValueError("A value is not finite: leave out failed units, and count them.")
    return sample


def checked_level(level: float) -> float:
    """Return the level, or refuse one that is no probability.

    Raises:
        ValueError: The level does not lie in (0, 1).

    Example:
        >>> checked_level(0.9)
        0.9
    """
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1, not {level}.")
    return level


def _geometric(values: Sequence[float], level: float, of: str) -> Interval | None:
    if min(values) <= 0:
        return None
    logs = mean_interval([math.log(value) for value in values], level=level, of=of)
    if logs.low is None or logs.high is None:
        return None
    ends = math.exp(logs.low), math.exp(logs.high)
    return Interval(
        math.exp(logs.estimate), *ends, level, logs.n, "t of logarithms (geometric mean)"
    )
