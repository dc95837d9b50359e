"""Narrow members of a union, tried in one order: choices, truths, numbers, dates, durations; and values that look like others."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any

from taskloom.params.grammar import UnreadableValueError, number_of, unquoted
from taskloom.params.members import is_choice, kind_of_type, match, truth_of

UNREAD = object()
"""Answer of `narrow` where no narrow member takes a text."""
_LARGEST = 2**63
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{1,2}:[0-9]{2}.*"
# What a union takes for a date: the full form, since almost any number is one of the short forms of ISO 8601.
_DATES: Sequence[tuple[type, re.Pattern[str], Callable[[str], object]]] = (
    (datetime, re.compile(rf"{_DATE}[T ]{_TIME}\Z"), datetime.fromisoformat),
    (date, re.compile(rf"{_DATE}\Z"), date.fromisoformat),
    (time, re.compile(rf"{_TIME}\Z"), time.fromisoformat),
)


def narrow(text: str, parts: Sequence[Any], *, every: bool) -> object:
    """Return a text as the narrowest member that takes it; `UNREAD` if only paths, models, lists, tables or text could.

    Args:
        text: The text; quotation marks around the whole of it make it text.
        parts: The members of the union.
        every: Whether numbers and truths count; a file writes them without quotation marks.

    Raises:
        UnreadableValueError: It is a number that no config holds.
    """
    held = unquoted(text)
    for part in parts:
        if is_choice(part):
            try:
                return match(text.strip() if held is None else held, part)
            except KeyError:
                continue
    if held is not None and any(takes_text(part) for part in parts):
        is_path = not any(takes_text(part) and not issubclass(part, PurePath) for part in parts)
        return next(part for part in parts if takes_text(part))(held) if is_path else held
    bare = text.strip()
    readers = [*(_plain_readers(parts) if every else ()), *_word_readers(parts)]
    return next((found for read in readers if (found := read(bare)) is not UNREAD), UNREAD)


def takes_text(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether every text is a value of a type."""
    kind = kind_of_type(annotation)
    return kind is not None and kind.is_text


def refuse_lookalikes(value: object, annotation: Any) -> None:  # noqa: ANN401 -- any type
    """Refuse what pydantic would let through as something else, and what no record could hold.

    Raises:
        UnreadableValueError: It is such a value.
    """
    if isinstance(value, bool) and annotation in (int, float):
        raise UnreadableValueError(
            f"must be {'an integer' if annotation is int else 'a number'}, not true or false"
        )
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise UnreadableValueError("must fit into 64 bits")
    if (
        annotation is int
        and isinstance(value, str)
        and len(value) > 18
        and value.strip().lstrip("+-").isdecimal()
        and (len(value) > 4000 or not -_LARGEST <= int(value) < _LARGEST)
    ):
        raise UnreadableValueError("must fit into 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise UnreadableValueError("must be a finite number")


def _plain_readers(parts: Sequence[Any]) -> list[Callable[[str], object]]:
    """Return what reads truths, integers and numbers, as far as the union has them."""
    is_strict = int in parts or float in parts

    def read_bool(text: str) -> object:
        found = truth_of(text, strict=is_strict)
        return UNREAD if found is None else found

    def read_int(text: str) -> object:
        if not _INTEGER.match(text):
            return UNREAD
        refuse_lookalikes(text, int)
        return int(text)

    def read_float(text: str) -> object:
        number = number_of(text)
        refuse_lookalikes(number, float)
        return UNREAD if number is None else number

    kinds = ((bool, read_bool), (int, read_int), (float, read_float))
    return [reader for kind, reader in kinds if kind in parts]


def _word_readers(parts: Sequence[Any]) -> list[Callable[[str], object]]:
    """Return what reads dates, durations and sizes, as far as the union has them."""
    found: list[Callable[[str], object]] = []

    def guarded(reader: Callable[[str], object], pattern: re.Pattern[str] | None) -> None:
        def read(text: str) -> object:
            if pattern is not None and not pattern.match(text):
                return UNREAD
            try:
                return reader(text)
            except (ValueError, ArithmeticError):
                return UNREAD

        found.append(read)

    for kind, pattern, reader in _DATES:
        if kind in parts:
            guarded(reader, pattern)
    for part in parts:
        held = kind_of_type(part)
        if held is not None and held.read is not None and not held.is_text:
            guarded(held.read, None)
    return found
