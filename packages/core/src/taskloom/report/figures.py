"""Numbers, sizes and times as a reader wants them."""

from __future__ import annotations

import math

_DASH = "\u2013"
_MINUS = "\u2212"


def cell(value: object) -> str:
    """Return a table cell: floats with four significant digits, an en dash for nothing."""
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return f"{value}".replace("-", _MINUS, 1) if isinstance(value, int) else f"{value}"


def number(value: float) -> str:
    """Return a float with four significant digits."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{_MINUS}\u221e"
    if value.is_integer() and abs(value) < 1e7:
        return f"{int(value)}".replace("-", _MINUS, 1)
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e+").replace("-", _MINUS)


def size(count: int) -> str:
    """Return a file size: `312 B`, `4.5 kB`, `1.2 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """Return a time span: `0.42 s`, `12.3 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
