"""Writer of values: the text that is typed for a value, and the table that a file holds for a config.

    write(["a", "b,c"])   ->   'a,"b,c"'   and   read_value('a,"b,c"', shape_of_type(list[str]), typed=False)   ->   ["a", "b,c"]

`taskloom.params.reading` reads back what is written here: `read_value(write(x, shape), shape, typed=False)` is x for every value of
every type. Both follow `taskloom.params.grammar`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from taskloom.params.grammar import (
    UnreadableValueError,
    bare_item,
    is_bracketed,
    quoted,
    unquoted,
)
from taskloom.params.members import (
    is_choice,
    scalar_text,
)
from taskloom.params.reading import (
    means_none,
    model_of,
    none_word,
    read_value,
)
from taskloom.params.shapes import (
    Shape,
    fields_of,
    is_list,
    is_table,
    is_union,
    item_shapes,
    kind_of,
    parts_of,
    shape_of,
    shape_of_type,
)

_OTHER_NONE = "null"
_RANGE = re.compile(r"(log|linear|[+-]?[0-9.]+):")
_TEXT = shape_of_type(str)


def write(value: object, shape: Shape = _TEXT) -> str:
    """Return the text that `read_text` reads as this value: what is typed behind `--name=`.

        >>> write(["a", "b,c"]), write(None), write(True), write({"a": 1})
        ('a,"b,c"', 'none', 'true', '{"a": 1}')

    Args:
        value: The value.
        shape: What the field can hold, which decides whether a text needs quotation marks; unknown, it is taken for text.
    """
    if value is None:
        return none_word(shape.annotation)
    if isinstance(value, list | tuple | set | frozenset):
        items = [write_item(item, part) for item, part in _with_shapes(value, shape)]
        text = ",".join(sorted(items) if isinstance(value, set | frozenset) else items)
        is_told = len(items) > 1 or (
            items and not is_union(shape.annotation) and not is_bracketed(text)
        )
        return text if is_told and not means_none(text, shape) else f"[{text}]"
    plain = scalar_text(value)
    if plain is None:
        return json.dumps(written_value(value, shape), ensure_ascii=False)
    if not isinstance(value, str | bytes | PurePath) or isinstance(value, Enum):
        return plain
    is_plain = plain.isprintable() and _reads_as(plain, value, shape)
    return plain if is_plain else quoted(plain)


def write_item(value: object, shape: Shape = _TEXT) -> str:
    """Return the text of a value as one item of a list, or as one value of an axis of a sweep."""
    text = write(value, shape)
    if isinstance(value, list | tuple | set | frozenset):
        return text if is_bracketed(text) else f"[{text}]"
    if isinstance(value, Mapping | BaseModel) or unquoted(text) is not None:
        return text
    is_plain = bare_item(text) and not (
        isinstance(value, str) and (_RANGE.match(text) or text == _OTHER_NONE)
    )
    return text if is_plain else quoted(str(scalar_text(value)))


def written_value(value: object, shape: Shape) -> Any:  # noqa: ANN401, PLR0911 -- what TOML can hold; one return a kind
    """Return a value in the form that `read_value` reads back from a file, which has numbers, lists and tables, but no null.

    Raises:
        PydanticSerializationError: A file has no form for it.
    """
    annotation = shape.annotation
    if value is None:
        return none_word(annotation)
    if isinstance(value, BaseModel):
        return table_of(value)
    if isinstance(value, Enum):
        held = value.value
        return held if isinstance(held, bool | int | float | str) else value.name
    if isinstance(value, list | tuple | set | frozenset):
        items = [written_value(item, part) for item, part in _with_shapes(value, shape)]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    if isinstance(value, Mapping):
        return {_key(key): written_value(item, part) for key, item, part in _entries(value, shape)}
    if isinstance(value, bool | int | float):
        return value
    text = scalar_text(value)
    if text is None:
        return to_jsonable_python(value)
    if is_choice(annotation) or not (isinstance(value, str | bytes | PurePath)):
        return text
    return text if _reads_as(text, value, shape, typed=True) else quoted(text)


def table_of(model: BaseModel) -> dict[str, Any]:
    """Return a model as a table: single values first, as TOML demands."""
    kind = kind_of(type(model))
    table: dict[str, Any] = {"kind": kind} if kind else {}
    tables: dict[str, Any] = {}
    for name, info in fields_of(type(model)).items():
        value = getattr(model, name)
        # An absent component is the word none, like any absent value.
        (tables if isinstance(value, BaseModel) else table)[name] = written_value(
            value, shape_of(info)
        )
    return table | tables


def _reads_as(text: str, value: object, shape: Shape, *, typed: bool = False) -> bool:
    try:
        found = read_value(text, shape, typed=typed)
    except UnreadableValueError:
        return False
    if isinstance(value, PurePath) and isinstance(found, str):
        return found == str(value) and not any(part is str for part in parts_of(shape.annotation))
    return found == (value if not isinstance(value, bytes) else text) and isinstance(
        found, str | PurePath
    )


def _with_shapes(value: Any, shape: Shape) -> list[tuple[Any, Shape]]:  # noqa: ANN401 -- any list
    annotation = next((part for part in parts_of(shape.annotation) if is_list(part)), Any)
    items = list(value)
    if not is_list(annotation) or not get_args(annotation):
        return [(item, _TEXT) for item in items]
    shapes = item_shapes(annotation, len(items))
    return list(zip(items, shapes, strict=False))


def _entries(value: Mapping[Any, object], shape: Shape) -> Iterator[tuple[object, object, Shape]]:
    """Yield the entries of a table with their shapes; it may hold a model that a file wrote out."""
    inner = next((get_args(part) for part in parts_of(shape.annotation) if is_table(part)), ())
    model = model_of(value, shape)
    fields = {} if model is None else fields_of(model)
    for key, item in value.items():
        if key in fields:
            yield key, item, shape_of(fields[key])
        else:
            yield key, item, shape_of_type(inner[1]) if len(inner) == 2 else _TEXT


def _key(key: object) -> str:
    return str(key) if (text := scalar_text(key)) is None else text
