"""Durations and sizes as people write them: `90s`, `1h30m`, `250ms`, `PT90S`; `512M`, `1GiB`.

One parser of each serves configs, `--time-limit` and `--memory`, so that the same text means the same everywhere.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_MICROSECONDS = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_LONGEST = timedelta.max // timedelta(microseconds=1)
_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?"
_BARE = re.compile(rf"(?:{_NUMBER})\Z")
_UNITS = re.compile(
    r"(?:(?P<d>N)d)?(?:(?P<h>N)h)?(?:(?P<m>N)m)?(?:(?P<s>N)s)?(?:(?P<ms>N)ms)?(?:(?P<us>N)us)?\Z".replace(
        "N", _NUMBER
    )
)
_ISO = re.compile(
    r"P(?:(?P<w>N)W)?(?:(?P<d>N)D)?(?:T(?:(?P<h>N)H)?(?:(?P<m>N)M)?(?:(?P<s>N)S)?)?\Z".replace(
        "N", r"[0-9]+(?:[.,][0-9]+)?"
    ),
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?:(?P<d>[0-9]+) ?(?:d|days?),? )?(?P<h>[0-9]+):(?P<m>[0-5][0-9])(?::(?P<s>[0-5][0-9](?:\.[0-9]+)?))?\Z"
)
_LENGTH = 60  # characters that a duration may have

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(rf"({_NUMBER}) ?([kmgtp]?)(i?b)?\Z", re.IGNORECASE)


def read_duration(text: str) -> timedelta:
    """Return the duration that a text stands for.

        >>> read_duration("1h30m"), read_duration("250ms")
        (datetime.timedelta(seconds=5400), datetime.timedelta(microseconds=250000))

    Args:
        text: Seconds as a bare number, `90`; numbers with the units d, h, m, s, ms and us, the large ones first, `1h30m`; a clock,
            `1:30:00`; or a duration of ISO 8601, `PT90S`. A minus in front makes it negative.

    Raises:
        ValueError: It is no duration, or too long.
    """
    plain = text.strip()
    sign = -1 if plain.startswith("-") else 1
    rest = plain[1:] if plain[:1] in ("-", "+") else plain
    found = _microseconds(rest) if rest and len(rest) <= _LENGTH else None
    if found is None or found > _LONGEST:
        raise ValueError("must be a duration: 90, 90s, 1h30m, 2d, 250ms")
    return timedelta(microseconds=sign * int(found.to_integral_value()))


def write_duration(value: timedelta) -> str:
    """Return the shortest text that `read_duration` reads back: `90s`, `1.5s`, `2d`, `90m`.

    >>> write_duration(timedelta(hours=1, minutes=1)), write_duration(timedelta(milliseconds=250))
    ('61m', '250ms')
    """
    total = value // timedelta(microseconds=1)
    sign, rest = ("-" if total < 0 else ""), abs(total)
    if rest == 0:
        return "0s"
    single = [
        text
        for unit, size in _MICROSECONDS.items()
        if (text := _in_unit(rest, unit, size)) is not None
    ]
    # Of two that are as short, the one without a point: 250ms rather than 0.25s.
    return sign + min([*single, _compound(rest)], key=lambda text: (len(text), "." in text))


def read_size(text: str) -> int:
    """Return the size that a text stands for [bytes]; every unit is a power of 1024, with or without its `i`.

        >>> read_size("1GiB"), read_size("1.5KB")
        (1073741824, 1536)

    Raises:
        ValueError: It is no size, or one beyond 64 bits.
    """
    found = _SIZE.match(text.strip()) if len(text) <= _LENGTH else None
    if found is None:
        raise ValueError("must be a size: 512M, 4G, 1GiB")
    number, unit, _ = found.groups()
    size = int(Decimal(number) * 1024 ** _POWERS[unit.lower()])
    if size.bit_length() > 63:
        raise ValueError("must fit into 64 bits")
    return size


def write_size(value: int) -> str:
    """Return the text of a size that `read_size` reads back: `1GiB`, `1536B`.

    >>> write_size(1 << 30), write_size(1000)
    ('1GiB', '1000B')
    """
    for unit in "ptgmk":
        size = 1024 ** _POWERS[unit]
        if value % size == 0 and value // size > 0:
            return f"{value // size}{unit.upper()}iB"
    return f"{value}B"


def _microseconds(text: str) -> Decimal | None:
    if _BARE.match(text):
        return Decimal(text) * 1_000_000
    found = _UNITS.match(text.lower()) or _ISO.match(text) or _CLOCK.match(text)
    if found is None or not any(found.groupdict().values()):
        return None
    sizes = {**_MICROSECONDS, "w": 7 * _MICROSECONDS["d"]}
    parts = (
        Decimal(number.replace(",", ".")) * sizes[unit]
        for unit, number in found.groupdict().items()
        if number
    )
    return sum(parts, Decimal(0))


def _in_unit(total: int, unit: str, size: int) -> str | None:
    """Return a duration in one unit, if three decimals are enough to say it exactly."""
    if total % size == 0:
        return f"{total // size}{unit}"
    thousandths, rest = divmod(total * 1000, size)
    if rest or thousandths < 100:
        return None
    whole, part = divmod(thousandths, 1000)
    return f"{whole}.{part:03d}".rstrip("0") + unit


def _compound(total: int) -> str:
    found = ""
    for unit, size in _MICROSECONDS.items():
        count, total = divmod(total, size)
        found += f"{count}{unit}" if count else ""
    return found
