"""Values that a call from Python gives for plain dataclasses: each takes the type that its annotation names, or is refused.

    settle(self, RunOptions)            # in `__post_init__`: a NumPy integer becomes an int, a list of numbers is no list of texts
    settled("half_width", "1", float)   # UsageError: half_width is '1'; it must be a number

A record is written from such values, so one of another type would be a record that nothing can read. This is not pydantic's
work, because `import taskloom` and `tasks list` make options without it: importing it costs more than all else that they do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from taskloom.errors import UsageError

_REFUSED = object()


def settle(record: Any, owner: type) -> None:  # noqa: ANN401 -- any frozen dataclass
    """Convert each field of a dataclass to the type of its annotation.

    Args:
        record: The dataclass.
        owner: Its class, or a base: whose fields are meant. The annotations are plain types, `Literal`, sequences of texts,
            classes, and unions with None.

    Raises:
        UsageError: A value cannot be meant; the message names class, field and type.
    """
    for name, wanted, exact in _plan(owner):
        value = getattr(record, name)
        if type(value) in exact:
            continue
        found = settled(f"{owner.__name__}.{name}", value, wanted)
        if found is not value:
            object.__setattr__(record, name, found)


def settled(name: str, value: object, wanted: Any) -> Any:  # noqa: ANN401 -- a type, and a value of it
    """Return a value as one of a type.

        >>> settled("seeds", 3.0, int)
        3

    Args:
        name: Its name in messages.
        value: The value.
        wanted: The type.

    Raises:
        UsageError: It is none, and does not stand for one.
    """
    found = _converted(value, wanted)
    if found is _REFUSED:
        raise UsageError(f"{name} is {_shown(value)}; it must be {_words(wanted)}.")
    return found


def table(name: str, value: object) -> dict[str, Any]:
    """Return a table by name.

    Args:
        name: Its name in messages.
        value: What was given for it.

    Raises:
        UsageError: It is no table, or a name in it is no text.
    """
    if not isinstance(value, Mapping):
        kind = value.__name__ if isinstance(value, type) else f"a {type(value).__name__}"
        raise UsageError(f"{name} are a table, such as {{'seed': 3}}, not {kind}.")
    odd = next((key for key in value if not isinstance(key, str)), None)
    if odd is not None:
        raise UsageError(f"{name} have texts for names, and {_shown(odd)} is none.")
    return dict(value)


@cache
def _plan(owner: type) -> tuple[tuple[str, Any, frozenset[type]], ...]:
    """Return name and type of each field, and the types whose every value is one: options are made many times in a run."""
    hints = get_type_hints(owner)
    return tuple(
        (field.name, hints[field.name], _exact(hints[field.name])) for field in fields(owner)
    )


def _exact(wanted: Any) -> frozenset[type]:  # noqa: ANN401 -- a type
    if isinstance(wanted, UnionType):
        return frozenset().union(*map(_exact, get_args(wanted)))
    if wanted is Path:
        return frozenset({type(Path())})
    is_checked = wanted is float or get_origin(wanted) is not None
    return frozenset() if is_checked else frozenset({wanted})


def _converted(value: Any, wanted: Any) -> Any:  # noqa: ANN401 -- one return a type
    if isinstance(wanted, UnionType):
        found = (_converted(value, part) for part in get_args(wanted))
        return next((item for item in found if item is not _REFUSED), _REFUSED)
    if wanted is NoneType:
        return None if value is None else _REFUSED
    if get_origin(wanted) is Literal:
        return _str(value)  # which word it is, its owner judges, who knows the closest one
    if get_origin(wanted) in (Sequence, tuple):
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return tuple(value) if is_list and all(isinstance(x, str) for x in value) else _REFUSED
    if wanted in _PLAIN:
        return _PLAIN[wanted](_scalar(value))
    return value if isinstance(value, wanted) else _REFUSED


def _scalar(value: Any) -> Any:  # noqa: ANN401 -- any value
    """Return the number behind a scalar of a numerical library."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def _bool(value: object) -> object:
    return value if isinstance(value, bool) else _REFUSED


def _int(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _REFUSED
    return int(value) if isinstance(value, int) or value.is_integer() else _REFUSED


def _float(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _REFUSED
    return value if math.isfinite(value) else _REFUSED


def _str(value: object) -> object:
    return str(value) if isinstance(value, str) else _REFUSED


def _path(value: object) -> object:
    if isinstance(value, str) and not value:
        return None
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    return Path(found) if isinstance(found, str) and "\0" not in found else _REFUSED


_PLAIN: Mapping[Any, Callable[[Any], object]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Path: _path,
}
_WORDS: Mapping[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    Path: "a path",
}


def _words(wanted: Any) -> str:  # noqa: ANN401 -- a type
    if isinstance(wanted, UnionType):
        return " or ".join(_words(part) for part in get_args(wanted) if part is not NoneType)
    if get_origin(wanted) is Literal:
        return f"one of {', '.join(repr(word) for word in get_args(wanted) if word)}"
    if get_origin(wanted) in (Sequence, tuple):
        return "a list of texts"
    return _WORDS.get(wanted, f"a {wanted.__name__}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
