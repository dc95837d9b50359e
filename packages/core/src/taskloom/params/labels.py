"""Written forms of types, bounds and values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.params.shapes import shape_of_type
from taskloom.secrets.references import spelled

_NAMES: dict[Any, str] = {
    bool: "BOOL",
    int: "INT",
    float: "FLOAT",
    str: "TEXT",
    NoneType: "none",
    datetime: "DATETIME",
    date: "DATE",
    time: "TIME",
    timedelta: "DURATION",
    Any: "JSON",
    SecretStr: "SECRET",
    SecretBytes: "SECRET",
}
_LISTS = (list, tuple, set, frozenset, Sequence)
_LONGEST = 60


def choices_of(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 -- any type
    """Return the values that a `Literal` or an enumeration lists, and none for every other type."""
    if get_origin(annotation) is Literal:
        return tuple(text_of(value) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(text_of(member) for member in annotation)
    return ()


def label(annotation: Any) -> str:  # noqa: ANN401, PLR0911 -- any type; one return a kind
    """Return the type as help shows it: `INT`, `a|b`, `FLOAT,...`, `INT or none`."""
    if annotation in _NAMES:
        return _NAMES[annotation]
    if choices := choices_of(annotation):
        return "|".join(choices)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return label(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(label(item) for item in arguments))
    if (origin or annotation) in _LISTS:
        return _list_label(origin, arguments)
    if isinstance(annotation, type) and issubclass(annotation, PurePath):
        return "PATH"
    return "JSON"


def _list_label(origin: Any, arguments: tuple[Any, ...]) -> str:  # noqa: ANN401
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return ",".join(label(item) for item in arguments)
    item = label(arguments[0]) if arguments else "JSON"
    return "JSON" if item == "JSON" else f"{item},..."


def bounds_of(annotation: Any, metadata: Sequence[Any]) -> tuple[str, ...]:  # noqa: ANN401
    """Return the limits of a value, one short text each: `> 0`, `<= 1`, `at least 2 items`."""
    counted = "characters" if annotation is str else "items"
    found = [text for item in metadata for text in _bounds_in(item, counted)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _LISTS and arguments:
        shape = shape_of_type(arguments[0])
        found += [f"each {text}" for text in bounds_of(shape.annotation, shape.metadata)]
    return tuple(dict.fromkeys(found))


def _bounds_in(item: object, counted: str) -> list[str]:
    """Read one piece of metadata; attributes rather than classes, since pydantic has private classes for some."""
    texts = []
    for name, form in (
        ("gt", "> {}"),
        ("ge", ">= {}"),
        ("lt", "< {}"),
        ("le", "<= {}"),
        ("multiple_of", "a multiple of {}"),
        ("min_length", f"at least {{}} {counted}"),
        ("max_length", f"at most {{}} {counted}"),
        ("pattern", "matching {}"),
    ):
        value = getattr(item, name, None)
        if value is not None and not (name == "min_length" and value == 0):
            texts.append(form.format(limit_text(value)))
    return texts


def limit_text(value: object) -> str:
    """Return a limit: `1` for 1.0, since a limit of a length has no decimal point."""
    return (
        str(int(value))
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        else text_of(value)
    )


def text_of(value: object) -> str:
    """Return a value the way it would be typed on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return text_of(value.value)
    if isinstance(value, str | int | float | PurePath):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        items = [text_of(item) for item in value]
        if all(
            isinstance(item, str | int | float | PurePath) and "," not in str(item)
            for item in value
        ):
            return ",".join(items)
    held = plain(value)
    return held if isinstance(held, str) else json.dumps(held)


def plain(value: object) -> Any:  # noqa: ANN401 -- JSON
    """Return a value as JSON would hold it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, SecretStr | SecretBytes):
        return spelled(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def shown(value: object) -> str:
    """Return an offending value for an error message: short, and with nothing that a terminal obeys."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        # str() of a huge integer raises, by a limit of the interpreter's own
        return f"an integer of {value.bit_length()} bits"
    text = printable(text_of(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def printable(text: str) -> str:
    """Return text with whatever a terminal would obey spelled out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
