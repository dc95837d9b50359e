"""Written forms of types, bounds and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.params.members import kind_of_type, members_of
from taskloom.params.shapes import shape_of_type
from taskloom.params.values import write
from taskloom.plain import excerpt
from taskloom.secrets.references import spelled

_LISTS = (list, tuple, set, frozenset, Sequence)


def choices_of(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 -- any type
    """Return the values that a `Literal` or an enumeration lists, as they are written, and none for every other type."""
    return tuple(members_of(annotation))


def label(annotation: Any) -> str:  # noqa: ANN401, PLR0911 -- any type; one return a kind
    """Return the type as help shows it: `INT`, `a|b`, `FLOAT,...`, `INT or none`."""
    if annotation is Any:
        return "JSON"
    if annotation is NoneType:
        return "none"
    if choices := choices_of(annotation):
        return "|".join(choices)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return label(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(label(item) for item in arguments))
    if (origin or annotation) in _LISTS:
        return _list_label(origin, arguments)
    kind = kind_of_type(annotation)
    return "JSON" if kind is None else kind.label


def _list_label(origin: Any, arguments: tuple[Any, ...]) -> str:  # noqa: ANN401 -- any annotation
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return ",".join(label(item) for item in arguments)
    item = label(arguments[0]) if arguments else "JSON"
    return "JSON" if item == "JSON" else f"{item},..."


def bounds_of(annotation: Any, metadata: Sequence[Any]) -> tuple[str, ...]:  # noqa: ANN401 -- any annotation
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
        else write(value)
    )


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
    return excerpt(write(value))
