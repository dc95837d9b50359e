"""Fields of a JSON object, each checked for its kind: a record may have been edited by hand, or on purpose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from taskloom.records.documents import check_text
from taskloom.records.limits import INTEGER, NAME, TEXT

# JSON has no such numbers, and readers in other languages stop at Python's bare NaN.
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_ELSEWHERE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""The same as other programs write them; among metrics alone, since elsewhere they may be words."""


def decode_number(value: object) -> float | None:
    """Return the float that `encode_number` of `taskloom.runs.writer` wrote, or None if the value is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        return float(value) if -INTEGER <= value <= INTEGER else None
    return _SPECIAL.get(value) if isinstance(value, str) else None


def read_text(value: Mapping[str, Any], key: str) -> str:
    """Return a text of at most 10,000 characters.

    Raises:
        KeyError: The field is missing.
        TypeError: It is no text.
        ValueError: It is too long.
    """
    text = value[key]
    if not isinstance(text, str):
        raise TypeError(f"the field {key!r} is no text")
    if len(text) > TEXT:
        raise ValueError(f"the field {key!r} is longer than {TEXT:,} characters")
    return text


def read_shown(value: Mapping[str, Any], key: str) -> str:
    """Return a text that is only shown: one that is too long is cut, for nothing depends on its end."""
    text = value[key]
    if not isinstance(text, str):
        raise TypeError(f"the field {key!r} is no text")
    return cut(text)


def cut(text: str) -> str:
    """Return a text that is only shown, at most 10,000 characters of it."""
    return text if len(text) <= TEXT else f"{text[: TEXT - 4]} ..."


def read_texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value[key], list) or not all(isinstance(text, str) for text in value[key]):
        raise TypeError(f"the field {key!r} is no list of texts")
    return tuple(value[key])


def read_moment(value: Mapping[str, Any], key: str) -> str:
    """Return a time in ISO 8601, or an empty text for one that has not come."""
    text = read_text(value, key)
    if text:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"the field {key!r} is no time: {text[:40]!r}") from None
    return text


def read_integer(value: Mapping[str, Any], key: str, *, least: int = 0) -> int:
    """Return an integer of at least `least`."""
    number = value[key]
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"the field {key!r} is no integer")
    if not least <= number <= INTEGER:
        raise ValueError(f"the field {key!r} is {number}; it lies between {least} and 2**63")
    return number


def read_truth(value: Mapping[str, Any], key: str) -> bool:
    """Return a truth value."""
    if not isinstance(value[key], bool):
        raise TypeError(f"the field {key!r} is no truth value")
    return bool(value[key])


def read_span(value: Mapping[str, Any], key: str) -> float:
    """Return a duration: a finite number >= 0."""
    number = decode_number(value[key])
    if number is None or not math.isfinite(number) or number < 0:
        raise TypeError(f"the field {key!r} is no finite number >= 0")
    return number


def read_table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table."""
    table = value[key]
    if not isinstance(table, dict):
        raise TypeError(f"the field {key!r} is no table")
    return table


def read_words(value: Mapping[str, Any], key: str) -> Mapping[str, str]:
    """Return a table of texts."""
    table = read_table(value, key)
    for name, text in table.items():
        if not isinstance(text, str):
            raise TypeError(f"the field {key!r} holds no text under {name[:40]!r}")
    return table


def read_numbers(value: Mapping[str, Any], key: str) -> Mapping[str, float]:
    """Return a table of numbers by the names of metrics; "nan" and the infinities are words."""
    found: dict[str, float] = {}
    for name, raw in read_table(value, key).items():
        number = _ELSEWHERE.get(raw) if isinstance(raw, str) else None
        number = decode_number(raw) if number is None else number
        if number is None:
            raise TypeError(f"the field {key!r} holds no number under {name[:40]!r}")
        check_text(name, NAME)
        found[name] = number
    return found
