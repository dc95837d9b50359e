"""Reader of values: from what a person wrote, in a file or on the command line, to what pydantic validates.

Options, variables of the environment, points of sweeps and strings in files are text; numbers, lists and tables in files have types
already. Text follows `taskloom.params.grammar`; `taskloom.params.values` writes what is read here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from taskloom.params.grammar import (
    UnreadableValueError,
    is_bracketed,
    items_of,
    one_of,
    range_of,
    read_json,
    split,
    unquoted,
)
from taskloom.params.members import (
    Kind,
    is_choice,
    kind_of_type,
    match,
    members_of,
)
from taskloom.params.narrow import UNREAD, narrow, refuse_lookalikes, takes_text
from taskloom.params.shapes import (
    Shape,
    fields_of,
    is_fixed,
    is_list,
    is_table,
    is_union,
    item_shapes,
    parts_of,
    shape_of,
    shape_of_type,
)
from taskloom.plain import excerpt

_NONE = "none"
_OTHER_NONE = "null"  # where `none` is itself one of the choices


def read_value(value: object, shape: Shape, *, typed: bool, literal: bool = False) -> object:
    """Return the value in the form that pydantic validates.

    Args:
        value: What was written.
        shape: What the field can hold.
        typed: Whether it comes from a file or from Python, where lists are lists already, rather than from text.
        literal: Whether a string is a text wherever a text can be, as from Python; in a file it may be a date or `none`.

    Raises:
        UnreadableValueError: It cannot be a value of this shape.
    """
    if isinstance(value, str):
        return _read_string(value, shape, literal) if typed else read_text(value, shape)
    return _read_typed(value, shape, literal)


def read_text(text: str, shape: Shape) -> object:  # noqa: PLR0911 -- one return a kind
    """Return the value that a text stands for.

    Raises:
        UnreadableValueError: It cannot be a value of this shape.
    """
    annotation = shape.annotation
    if means_none(text, shape):
        return None
    if shape.variants is not None and text in shape.variants.names():
        return {"kind": text}
    if is_choice(annotation):
        return _chosen(text, annotation)
    if is_union(annotation) and shape.variants is None:
        return _read_union(text, annotation, every=True)
    if is_list(annotation):
        return _read_list(text, annotation)
    if kind := kind_of_type(annotation):
        return _read_kind(text, kind, annotation)
    if annotation is Any:
        return text
    try:
        return _read_typed(read_json(text), shape)
    except UnreadableValueError as error:
        if shape.variants is not None or not is_table(annotation):
            return text
        raise UnreadableValueError(
            f"must be a JSON object, such as '{{\"a\": 1}}'; it {error}"
        ) from None


def none_word(annotation: Any) -> str:  # noqa: ANN401 -- any type
    """Return the word for None: `none`, or `null` where `none` is one of the choices."""
    texts = [
        text.lower()
        for part in parts_of(annotation)
        for text in spellings(part)
        if members_of(part).get(text, text) is not None
    ]
    return _OTHER_NONE if _NONE in texts else _NONE


def means_none(text: str, shape: Shape) -> bool:
    """Return whether a text is the word for None, where the field may be None."""
    return shape.optional and text.lower() == none_word(shape.annotation)


def model_of(value: Mapping[str, object], shape: Shape) -> type[BaseModel] | None:
    """Return the class of the model that a table holds, as far as the field and its `kind` tell."""
    if shape.variants is not None:
        kind = value.get("kind")
        known = isinstance(kind, str) and kind in shape.variants.names()
        return shape.variants.load(str(kind)) if known else None
    models = [part for part in parts_of(shape.annotation) if _is_model(part)]
    return models[0] if len(models) == 1 else None


def _read_string(text: str, shape: Shape, literal: bool) -> object:
    """Read a string of a file: text where the field takes text, else by the grammar."""
    annotation = shape.annotation
    parts = parts_of(annotation)
    if literal and any(map(takes_text, parts)):
        return text
    if means_none(text, shape):
        return None
    if shape.variants is None and any(takes_text(part) for part in parts):
        if len(parts) > 1:
            return _read_union(text, annotation, every=False)
        held = unquoted(text) if shape.optional else None
        return held if held is not None and _spells_none(held) else text
    return text if annotation is Any else read_text(text, shape)


def _read_typed(value: object, shape: Shape, literal: bool = False) -> object:
    annotation = shape.annotation
    refuse_lookalikes(value, annotation)
    if is_union(annotation):
        fits = is_list if isinstance(value, list | tuple) else is_table
        annotation = next((part for part in parts_of(annotation) if fits(part)), annotation)
    if isinstance(value, list | tuple) and is_list(annotation) and get_args(annotation):
        _check_length(annotation, len(value))
        shapes = item_shapes(annotation, len(value))
        return [
            read_value(item, part, typed=True, literal=literal)
            for item, part in zip(value, shapes, strict=True)
        ]
    if isinstance(value, dict) and is_table(annotation) and len(get_args(annotation)) == 2:
        key_shape, part = map(shape_of_type, get_args(annotation))
        return {
            _read_key(key, key_shape): read_value(item, part, typed=True, literal=literal)
            for key, item in value.items()
        }
    if isinstance(value, dict) and (model := model_of(value, shape)):
        fields = fields_of(model)
        return {
            key: read_value(item, shape_of(fields[key]), typed=True, literal=literal)
            if key in fields
            else item
            for key, item in value.items()
        }
    if is_choice(annotation) and isinstance(value, list):
        # an enumeration of lists, out of a record
        same = [m for m in members_of(annotation).values() if to_jsonable_python(m) == value]
        return same[0] if same else value
    return value


def _read_key(key: object, shape: Shape) -> object:
    return read_text(key, shape) if isinstance(key, str) and shape.annotation is not str else key


def _read_list(text: str, annotation: Any) -> object:  # noqa: ANN401 -- any annotation
    raw = items_of(text)
    inner = get_args(annotation)
    if inner and inner[0] is int:
        raw = [value for item in raw for value in range_of(item, integers=True) or [item]]
    _check_length(annotation, len(raw))
    shapes = item_shapes(annotation, len(raw))
    return [
        _read_item(item, part, place)
        for place, (item, part) in enumerate(zip(raw, shapes, strict=True), 1)
    ]


def _read_item(text: str, shape: Shape, place: int) -> object:
    """Read one item of a list, where JSON's null is None and, in a list of anything, its numbers are numbers."""
    if text == _OTHER_NONE and shape.optional and text not in spellings(shape.annotation):
        return None
    if shape.annotation is Any:
        with contextlib.suppress(UnreadableValueError):
            return read_json(text)
    try:
        return read_text(text, shape)
    except UnreadableValueError as error:
        raise UnreadableValueError(f"{error} (item {place}: {excerpt(text)})") from None


def _read_union(text: str, annotation: Any, *, every: bool) -> object:  # noqa: ANN401 -- any annotation
    """Return a text as the narrowest member of a union that takes it; see `narrow`."""
    parts = parts_of(annotation)
    found = narrow(text, parts, every=every)
    if found is not UNREAD:
        return found
    paths = [part for part in parts if takes_text(part) and issubclass(part, PurePath)]
    if paths and text:
        return paths[0](text)
    bare = text.strip()
    if bare.startswith("{") and any(is_table(part) or _is_model(part) for part in parts):
        return read_json(bare)
    lists = [part for part in parts if is_list(part)]
    # One word is a list of one only where it cannot be a text.
    if lists and (not any(map(takes_text, parts)) or is_bracketed(bare) or len(split(text)) > 1):
        return _read_list(text, lists[0])
    return text


def _read_kind(text: str, kind: Kind, annotation: Any) -> object:  # noqa: ANN401 -- any annotation
    if kind.is_text:
        held = unquoted(text)
        text = text if held is None else held
    if kind.read is None:  # pydantic reads it
        refuse_lookalikes(text, annotation)
        return text
    try:
        return kind.read(text)
    except (ValueError, ArithmeticError) as error:
        raise UnreadableValueError(str(error)) from None


def _chosen(text: str, annotation: Any) -> object:  # noqa: ANN401 -- any annotation
    held = unquoted(text)
    try:
        found = match(text.strip() if held is None else held, annotation)
    except KeyError:
        raise UnreadableValueError(one_of(list(members_of(annotation)))) from None
    if held is not None and not isinstance(found, str | Enum):
        raise UnreadableValueError(one_of(list(members_of(annotation))))
    return found


def _spells_none(text: str) -> bool:
    return text.strip('"').lower() == _NONE


def spellings(annotation: Any) -> list[str]:  # noqa: ANN401 -- any type
    """Return the words that choose a member of a type: written forms, and names of an enumeration."""
    members = members_of(annotation)
    return [*members, *(member.name for member in members.values() if isinstance(member, Enum))]


def _is_model(annotation: Any) -> bool:  # noqa: ANN401 -- any annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _check_length(annotation: Any, count: int) -> None:  # noqa: ANN401 -- any annotation
    wanted = len(get_args(annotation))
    if is_fixed(annotation) and wanted != count:
        raise UnreadableValueError(f"must have {wanted} items, not {count}")
