"""Reading a manifest: every field of its type, and every text on one line and escaped, whatever its author put in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from taskloom.plain import one_line
from taskloom.registry.installed import LONGEST
from taskloom.registry.refs import ComponentRef, DomainRef, ShortNamesRef, TaskRef, VerbRef

_REFS = (DomainRef, TaskRef, ComponentRef, ShortNamesRef, VerbRef)
_WORDS = {str: "text", int: "a number", tuple: "a tuple", Mapping: "a mapping"}


def cleaned(ref: DomainRef) -> DomainRef:
    """Return a manifest of plain values, which lists the same and obeys nothing.

    Raises:
        TypeError: A field holds something else than its type says.
    """
    return cast("DomainRef", _clean(ref, DomainRef, "manifest"))


def _clean(value: Any, wanted: Any, field: str) -> Any:  # noqa: ANN401 -- a field of any of the five records
    kind, parts = get_origin(wanted) or wanted, get_args(wanted)
    if kind is Literal:
        _require(value, str, field)
        if value not in parts:
            raise TypeError(f"its {field} is {one_line(value, LONGEST)!r}, not one of {parts}")
        return str.__str__(value)
    _require(value, (tuple, list) if kind is tuple else kind, field)
    if kind is str:
        return one_line(str.__str__(value), LONGEST)
    if kind is tuple:
        return tuple(_clean(item, parts[0], field) for item in value)
    if kind is Mapping:
        return {
            _clean(key, parts[0], field): _clean(item, parts[1], field)
            for key, item in value.items()
        }
    if kind in _REFS:
        hints = get_type_hints(kind)
        names = [item.name for item in dataclasses.fields(kind)]
        return kind(**{name: _clean(getattr(value, name), hints[name], name) for name in names})
    return value


def _require(value: object, kind: Any, field: str) -> None:  # noqa: ANN401 -- a class or several
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is int):
        return
    first = kind[0] if isinstance(kind, tuple) else kind
    word = _WORDS.get(first, f"a {first.__name__}")
    raise TypeError(f"its {field} is of type {type(value).__name__}, not {word}")
