"""Numbers, sizes and times as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from taskloom.digits import digits

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


def column(values: Sequence[object]) -> list[str]:
    """Return the cells of a column; floats of one magnitude share their number of decimals, so that they align."""
    floats = [abs(value) for value in values if isinstance(value, float)]
    present = [value for value in floats if value > 0]
    alike = bool(present) and all(map(math.isfinite, floats)) and max(present) < 10 * min(present)
    if not alike or not all(map(_is_ordinary, present)):
        return [cell(value) for value in values]
    decimals = max(len(number(value).partition(".")[2]) for value in present)
    return [
        f"{value:.{decimals}f}".replace("-", _MINUS) if isinstance(value, float) else cell(value)
        for value in values
    ]


def _is_ordinary(value: float) -> bool:
    return 1e-3 <= value < 1e4


def number(value: float) -> str:
    """Return a float with four significant digits."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{_MINUS}\u221e"
    # A reader wants 12346, not 1.235e4.
    text = f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else digits(value, 4)
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", _MINUS)


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
        return f"{seconds:.2f}\u00a0s"
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min\u00a0{rest}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}\u00a0h\u00a0{minutes:02d}\u00a0min"
