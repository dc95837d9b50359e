"""Incomplete beta and gamma functions in pure Python, exact to 1e-9 from tiny to huge arguments.

Sources: Press et al., Numerical Recipes, 3rd edition, sections 6.1, 6.2 and 6.4; NIST DLMF 5.11 and 8.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable

# The smallest number that Lentz's method may divide by; any value far below the result will do.
_TINY = 1e-300
_EPSILON = 1e-16
# From here on the five terms of Stirling's series are exact to 2e-14.
_STIRLING_FROM = 10.0
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_beta(a: float, b: float) -> float:
    """Return the natural logarithm of the beta function B(a, b).

    Args:
        a: A positive number.
        b: A positive number.

    Example:
        >>> round(math.exp(-log_beta(3, 4)), 9)
        60.0
    """
    small, large = min(a, b), max(a, b)
    if large < _STIRLING_FROM:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    # lgamma(large) - lgamma(large + small) without the difference of two huge numbers (DLMF 5.11.1).
    ratio = small - small * math.log(large + small) - (large - 0.5) * math.log1p(small / large)
    return math.lgamma(small) + ratio + _stirling(large) - _stirling(large + small)


def incomplete_beta(a: float, b: float, x: float, complement: float | None = None) -> float:
    """Return the regularised incomplete beta function I_x(a, b), the distribution function of Beta(a, b).

    Lentz's method on the continued fraction of DLMF 8.17.22, on the side of the mean where it converges fast.

    Args:
        a: A positive number.
        b: A positive number.
        x: A point in [0, 1].
        complement: 1 - x, where the caller knows it more exactly than the subtraction gives it.

    Example:
        >>> round(incomplete_beta(2, 3, 0.5), 12)
        0.6875
    """
    y = 1 - x if complement is None else complement
    if x <= 0:
        return 0.0
    if y <= 0:
        return 1.0
    front = beta_power(a, b, x, y)
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, y) / b


def incomplete_gamma(a: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function P(a, x).

    Args:
        a: A positive number.
        x: A point, at least 0.

    Example:
        >>> round(incomplete_gamma(1, 2), 9) == round(1 - math.exp(-2), 9)
        True
    """
    if x <= 0:
        return 0.0
    front = gamma_power(a, x)
    if x < a + 1:
        term = total = 1 / a
        index = a
        while term > total * _EPSILON:
            index += 1
            term *= x / index
            total += term
        return front * total
    return 1 - front * _gamma_fraction(a, x)


def beta_power(a: float, b: float, x: float, y: float) -> float:
    """Return x^a y^b / B(a, b), with y = 1 - x; over x y it is the density of Beta(a, b).

    Args:
        a: A positive number.
        b: A positive number.
        x: A point in (0, 1).
        y: 1 - x.

    Example:
        >>> round(beta_power(2, 3, 0.5, 0.5), 12)
        0.375
    """
    if min(a, b) < _STIRLING_FROM:
        return math.exp(a * math.log(x) + b * math.log(y) - log_beta(a, b))
    # Around the mean the three logarithms are huge and nearly cancel, so the powers are taken relative to the mean.
    total = a + b
    off = x - a / total if x < y else b / total - y
    powers = a * _log_ratio(x, a / total, off) + b * _log_ratio(y, b / total, -off)
    rest = _stirling(total) - _stirling(a) - _stirling(b)
    return math.exp(powers + rest - _HALF_LOG_TWO_PI) * math.sqrt(a * (b / total))


def gamma_power(a: float, x: float) -> float:
    """Return x^a e^-x / Gamma(a); over x it is the density of the gamma distribution.

    Args:
        a: A positive number.
        x: A point above 0.

    Example:
        >>> gamma_power(1, 2) == 2 * math.exp(-2)
        True
    """
    if a < _STIRLING_FROM:
        return math.exp(a * math.log(x) - x - math.lgamma(a))
    power = a * _log_ratio(x, a, x - a) - (x - a) - _stirling(a) - _HALF_LOG_TWO_PI
    return math.exp(power) * math.sqrt(a)


def _stirling(z: float) -> float:
    """Return lgamma(z) less its leading part (z - 1/2) ln z - z + ln(2 pi) / 2 (DLMF 5.11.1)."""
    square = z * z
    series = 1 / 1680 - 1 / (1188 * square)
    return (1 / 12 - (1 / 360 - (1 / 1260 - series / square) / square) / square) / z


def _log_ratio(x: float, center: float, off: float) -> float:
    """Return ln(x / center), by x - center where the two are close and the quotient would lose its digits."""
    return math.log1p(off / center) if 2 * abs(off) < center else math.log(x / center)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of I_x(a, b) (DLMF 8.17.22)."""

    def term(index: int) -> tuple[float, float]:
        m, base = index // 2, a + index
        if index % 2:
            return -(a + m) * (a + b + m) * x / ((base - 1) * base), 1.0
        return m * (b - m) * x / ((base - 1) * base), 1.0

    return _continued_fraction(1.0, term)


def _gamma_fraction(a: float, x: float) -> float:
    """Return the continued fraction of 1 - P(a, x) (Numerical Recipes 6.2.7)."""
    first = x + 1 - a
    return _continued_fraction(first, lambda m: (-m * (m - a), first + 2 * m))


def _continued_fraction(first: float, term: Callable[[int], tuple[float, float]]) -> float:
    """Return 1 / (b0 + a1 / (b1 + a2 / (b2 + ...))) by Lentz's method, where term(m) is (a_m, b_m)."""
    c = 1 / _TINY
    d = 1 / _away_from_zero(first)
    value = d
    m = 0
    while True:
        m += 1
        a, b = term(m)
        d = 1 / _away_from_zero(b + a * d)
        c = _away_from_zero(b + a / c)
        value *= d * c
        # Rounding alone moves the last factor by a few 1e-16, so a smaller bound would never be met; with a NaN no
        # comparison is true, and the loop has to end as well.
        if not abs(d * c - 1) >= 4 * _EPSILON:
            return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
