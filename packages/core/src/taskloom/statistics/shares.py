"""Intervals of shares, k of n, and of ratios of two sums.

Part of `taskloom.statistics`, which offers every name here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from taskloom.statistics.distributions import beta_quantile, normal_quantile
from taskloom.statistics.intervals import Interval, checked_level, checked_values


def share_interval(
    k: int,
    n: int,
    method: Literal["wilson", "clopper-pearson"] = "wilson",
    *,
    level: float = 0.95,
) -> Interval:
    """Return a share k of n with its interval.

    Wilson for reports of one run; Clopper-Pearson, which never covers less than it says, for published rates and studies.

    Args:
        k: Units that have the property.
        n: All units, at least 1.
        method: `wilson` or `clopper-pearson`.
        level: Nominal coverage.

    Raises:
        ValueError: k does not lie between 0 and n, n is 0, or the method is unknown.

    Source:
        Wilson, JASA 22, 1927; Clopper and Pearson, Biometrika 26, 1934.

    Example:
        >>> share = share_interval(35, 100)
        >>> round(share.low, 8), round(share.high, 8)
        (0.26364248, 0.44745557)
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"A share needs 0 <= k <= n and n >= 1, not k = {k} and n = {n}.")
    alpha = 1 - checked_level(level)
    if method == "wilson":
        low, high = _wilson(k, n, normal_quantile(1 - alpha / 2))
    elif method == "clopper-pearson":
        low = beta_quantile(alpha / 2, k, n - k + 1) if k else 0.0
        high = 1 - beta_quantile(alpha / 2, n - k, k + 1) if k < n else 1.0
    else:
        raise ValueError(f"{method!r} is no interval of a share: use wilson or clopper-pearson.")
    name = "Wilson" if method == "wilson" else "Clopper-Pearson"
    return Interval(k / n, low, high, level, n, name)


def ratio_interval(
    totals: Sequence[float], weights: Sequence[float], *, level: float = 0.95, of: str = "sequence"
) -> Interval:
    """Return the ratio r = sum x / sum L over units of unequal weight, with its normal interval.

    The standard error is sqrt(n / (n - 1) sum (x - r L)^2) / sum L, the linearised one of a ratio estimate.

    Args:
        totals: x, one number a unit, such as the nats of a sequence.
        weights: L, one positive number a unit, such as its tokens.
        level: Nominal coverage.
        of: One unit in words.

    Raises:
        ValueError: The lengths differ, a weight is not positive, or a value is not finite.

    Source:
        Cochran, Sampling Techniques, 3rd edition, equation 6.13.

    Example:
        >>> ratio = ratio_interval([2, 6, 5], [2, 4, 4])
        >>> ratio.estimate, round(ratio.standard_error, 8)
        (1.3, 0.12489996)
    """
    x, lengths = checked_values(totals), checked_values(weights)
    alpha = 1 - checked_level(level)
    n, size = len(x), math.fsum(lengths)
    if n != len(lengths) or min(lengths) <= 0:
        raise ValueError("A ratio needs one positive weight for each total.")
    ratio = math.fsum(x) / size
    if n == 1:
        reason = f"one {of} says nothing about others"
        return Interval(ratio, None, None, level, 1, "ratio", no_interval=reason)
    squares = math.fsum(
        (total - ratio * length) ** 2 for total, length in zip(x, lengths, strict=True)
    )
    error = math.sqrt(n / (n - 1) * squares) / size
    half = normal_quantile(1 - alpha / 2) * error
    return Interval(ratio, ratio - half, ratio + half, level, n, "ratio", error)


def _wilson(k: int, n: int, z: float) -> tuple[float, float]:
    square = z * z
    center = (k + square / 2) / (n + square)
    half = z * math.sqrt(k * (n - k) / n + square / 4) / (n + square)
    # At the borders the ends are exactly 0 and 1; the difference of two equal square roots is not.
    return (0.0 if k == 0 else center - half), (1.0 if k == n else center + half)
