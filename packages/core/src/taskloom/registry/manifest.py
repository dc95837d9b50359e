"""Reading a manifest: every text on one line and escaped, whatever its author put in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from taskloom.plain import one_line
from taskloom.registry.installed import LONGEST
from taskloom.registry.refs import ComponentRef, DomainRef, TaskRef, VerbRef

_REFS = (DomainRef, TaskRef, ComponentRef, VerbRef)


def cleaned(ref: DomainRef) -> DomainRef:
    """Return a manifest of plain values, which lists the same and obeys nothing.

    Raises:
        TypeError: A field holds something else than names, texts and numbers.
    """
    return cast("DomainRef", _clean(ref, "manifest"))


def _clean(value: Any, field: str) -> Any:  # noqa: ANN401 -- a field of any of the four records
    if isinstance(value, str):
        return one_line(str.__str__(value), LONGEST)
    if value is None or isinstance(value, int):
        return value
    for kind in _REFS:
        if isinstance(value, kind):
            return kind(**{item.name: _field(value, item) for item in dataclasses.fields(kind)})
    if isinstance(value, Mapping):
        return {_clean(key, field): _clean(item, field) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(_clean(item, field) for item in value)
    raise TypeError(f"its {field} holds a {type(value).__name__}")


def _field(ref: object, item: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 -- of any field
    value = getattr(ref, item.name)
    if item.type == "str" and not isinstance(value, str):
        raise TypeError(f"its {item.name} is of type {type(value).__name__}, not text")
    return _clean(value, item.name)
