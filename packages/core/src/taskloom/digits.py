"""Digits of numbers in listings and progress lines: a few for a measurement, all of them for a count."""

from __future__ import annotations

import math

_EXACT = 2**53
"""Integers below are exact as doubles, so that every digit of them means something."""


def digits(value: float, most: int = 6, *, sign: bool = False) -> str:
    """Return a number with a few significant digits; an integer below 2^53 keeps all of its own.

        >>> digits(0.123456789), digits(12345678.0), digits(-3, sign=True), digits(2.5, 4, sign=True)
        ('0.123457', '12345678', '-3', '+2.5')

    Args:
        value: Any number.
        most: Significant digits of what is no integer.
        sign: Whether a plus stands in front of what is positive.
    """
    plus = "+" if sign else ""
    if math.isfinite(value) and abs(value) < _EXACT and value == int(value):
        return f"{int(value):{plus}d}"
    return f"{value:{plus}.{most}g}"
