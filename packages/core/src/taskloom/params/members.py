"""Written forms of the members of a `Literal` or an enumeration, and of single values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from pydantic import ByteSize, SecretBytes, SecretStr

from taskloom.durations import read_duration, read_size, write_duration, write_size
from taskloom.secrets.references import spelled

TRUTHS = {"true": True, "false": False}
_LOOSE_TRUTHS = {
    **TRUTHS,
    "yes": True,
    "no": False,
    "on": True,
    "off": False,
    "1": True,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type whose values are one item of text each.

    Attributes:
        label: Its word in help.
        read: Returns the value of a text, or raises ValueError with the end of a sentence; None where pydantic reads it.
        write: Returns the text of a value.
        is_text: Whether every text is a value: then quotation marks around the whole of it are taken off.
    """

    label: str
    write: Callable[[Any], str]
    read: Callable[[str], object] | None = None
    is_text: bool = False


# To add a type that is typed as one word, add a line. The first line whose class fits counts.
KINDS: dict[type, Kind] = {
    bool: Kind("BOOL", lambda value: "true" if value else "false"),
    ByteSize: Kind("SIZE", write_size, read_size),
    int: Kind("INT", str),
    float: Kind("FLOAT", repr),
    datetime: Kind("DATETIME", datetime.isoformat),
    date: Kind("DATE", date.isoformat),
    time: Kind("TIME", time.isoformat),
    timedelta: Kind("DURATION", write_duration, read_duration),
    PurePath: Kind("PATH", str, is_text=True),
    str: Kind("TEXT", str, is_text=True),
    bytes: Kind("TEXT", lambda value: value.decode("utf-8", "replace"), is_text=True),
    # Written as a reference or a mark, never as its value; `taskloom.secrets` reads it once the config is merged.
    SecretStr: Kind("SECRET", spelled, is_text=True),
    SecretBytes: Kind("SECRET", spelled, is_text=True),
}


def kind_of_type(annotation: Any) -> Kind | None:  # noqa: ANN401 -- any type
    """Return how values of a type are read and written as one item; None for lists, tables and everything else."""
    if not isinstance(annotation, type) or issubclass(annotation, Enum):
        return None
    return next((kind for cls, kind in KINDS.items() if issubclass(annotation, cls)), None)


def scalar_text(value: object) -> str | None:
    """Return the written form of a single value, `true`, `1h30m`, `owl`; None for lists, tables and models."""
    if value is None:
        return "none"
    if isinstance(value, Enum):
        return enum_text(value)
    kind = kind_of_type(type(value))
    return None if kind is None else kind.write(value)


def enum_text(member: Enum) -> str:
    """Return the written form of a member: its value, or its name where the value is no single one."""
    held = member.value
    return str(scalar_text(held)) if isinstance(held, bool | int | float | str) else member.name


def is_choice(annotation: Any) -> bool:  # noqa: ANN401 -- any type
    """Return whether a type lists its values."""
    return get_origin(annotation) is Literal or (
        isinstance(annotation, type) and issubclass(annotation, Enum)
    )


@lru_cache(maxsize=4096)
def written_members(annotation: Any) -> tuple[tuple[str, object], ...]:  # noqa: ANN401 -- any type
    """Return the values that a `Literal` or an enumeration lists, each with its written form; none for any other type."""
    if not is_choice(annotation):
        return ()
    values = get_args(annotation) if get_origin(annotation) is Literal else tuple(annotation)
    return tuple((str(scalar_text(value)), value) for value in _flat(values))


def members_of(annotation: Any) -> dict[str, object]:  # noqa: ANN401 -- any type
    """Return the values that a `Literal` or an enumeration lists by their written forms; none for any other type."""
    return dict(written_members(annotation))


def match(text: str, annotation: Any) -> object:  # noqa: ANN401 -- any type
    """Return the member that a text is the written form of, or the name of.

    Raises:
        KeyError: There is none.
    """
    members = members_of(annotation)
    if text in members:
        return members[text]
    for member in members.values():
        if isinstance(member, Enum) and member.name == text:
            return member
    for member in members.values():
        held = member.value if isinstance(member, Enum) else member
        if isinstance(held, float) and _number(text) == held:
            return member
    truths = {
        held: member for member in members.values() if isinstance(held := _held(member), bool)
    }
    has_number = any(type(_held(member)) in (int, float) for member in members.values())
    wanted = (TRUTHS if has_number else _LOOSE_TRUTHS).get(text.lower())
    if wanted is not None and wanted in truths:
        return truths[wanted]
    raise KeyError(text)


def truth_of(text: str, *, strict: bool) -> bool | None:
    """Return the truth that a word stands for, or None; `1`, `yes` and `on` count where no number could be meant."""
    return (TRUTHS if strict else _LOOSE_TRUTHS).get(text.lower())


def _held(member: object) -> object:
    return member.value if isinstance(member, Enum) else member


def _flat(values: tuple[Any, ...]) -> list[Any]:
    """Open the `Literal` of a nested `Literal`, as a type alias makes it."""
    found: list[Any] = []
    for value in values:
        inner = getattr(value, "__value__", value)
        found += _flat(get_args(inner)) if get_origin(inner) is Literal else [value]
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
