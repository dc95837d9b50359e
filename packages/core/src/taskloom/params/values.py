"""From what a person wrote, in a file or on the command line, to what pydantic validates.

Everything on the command line and in the environment is text. `none` stands for None where None is allowed (so a text field
that may be None writes the word itself as '"none"'), JSON stands for lists and mappings, and commas for lists of scalars.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin

from taskloom.params.labels import choices_of, label
from taskloom.params.shapes import Shape, shape_of_type

_LISTS = (list, tuple, set, frozenset)
_MAPPINGS = (dict, Mapping)
_NONE = "none"
_OTHER_NONE = "null"  # where `none` is itself one of the choices
_LARGEST = 2**63


class UnreadableValueError(ValueError):
    """A value that is not even of the right form; the message completes the sentence "`--x=1` ..."."""


def read_value(value: object, shape: Shape, *, typed: bool) -> object:
    """Return the value in the form that pydantic validates.

    Args:
        value: What was written.
        shape: What the field can hold.
        typed: Whether it comes from a file, where lists are lists already, rather than from text.

    Raises:
        UnreadableValueError: It cannot be a value of this shape.
    """
    annotation = shape.annotation
    if shape.optional and _means_none(value, annotation):
        return None
    if isinstance(value, str):
        value = _read_text(value, shape, typed=typed)
    _refuse_lookalikes(value, annotation)
    inner = get_args(annotation)
    if isinstance(value, list) and _is_a(annotation, _LISTS) and inner:
        if _is_fixed_tuple(annotation) and len(inner) != len(value):
            raise UnreadableValueError(f"must have {len(inner)} items, not {len(value)}")
        kinds = inner if _is_fixed_tuple(annotation) else inner[:1] * len(value)
        return [
            read_value(item, shape_of_type(kind), typed=True)
            for item, kind in zip(value, kinds, strict=True)
        ]
    if isinstance(value, dict) and _is_a(annotation, _MAPPINGS) and len(inner) == 2:
        kind = shape_of_type(inner[1])
        return {key: read_value(item, kind, typed=True) for key, item in value.items()}
    return value


def written_value(value: object, shape: Shape) -> Any:  # noqa: ANN401 -- what TOML can hold
    """Return a JSON-like value in the form that `read_value` reads back from a TOML file, which has no null.

    Raises:
        TypeError: TOML has no form for it.
    """
    annotation = shape.annotation
    if value is None:
        return _none_word(annotation)
    if isinstance(value, str) and shape.optional and annotation is str:
        return json.dumps(value) if _spells_none(value) else value
    inner = get_args(annotation)
    if isinstance(value, list):
        kinds = (
            inner
            if _is_fixed_tuple(annotation) and len(inner) == len(value)
            else inner[:1] * len(value)
        )
        shapes = (
            [shape_of_type(kind) for kind in kinds] if _is_a(annotation, _LISTS) and kinds else []
        )
        return [
            written_value(item, kind)
            for item, kind in zip(value, shapes or [shape] * len(value), strict=True)
        ]
    if isinstance(value, dict):
        kind = (
            shape_of_type(inner[1]) if _is_a(annotation, _MAPPINGS) and len(inner) == 2 else shape
        )
        return {key: written_value(item, kind) for key, item in value.items()}
    return value


def read_json(text: str) -> object:
    """Parse JSON without its extensions: no NaN, no Infinity, no key twice.

    Raises:
        UnreadableValueError: It is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise UnreadableValueError("is nested too deeply") from None
    except UnreadableValueError:
        raise
    except ValueError as error:  # JSONDecodeError, and integers beyond the interpreter's limit
        raise UnreadableValueError(f"is not valid JSON ({_json_reason(error)})") from None


def _means_none(value: object, annotation: Any) -> bool:  # noqa: ANN401
    if value is None:
        return True
    return isinstance(value, str) and value.lower() == _none_word(annotation)


def _none_word(annotation: Any) -> str:  # noqa: ANN401
    return _OTHER_NONE if _NONE in choices_of(annotation) else _NONE


def _read_text(text: str, shape: Shape, *, typed: bool) -> object:  # noqa: PLR0911 -- one return a kind
    annotation = shape.annotation
    if annotation is str:
        return _unquoted_none(text) if shape.optional else text
    if typed or annotation is Any:
        return text
    if _is_union(annotation):
        return _read_union(text, get_args(annotation))
    if annotation is timedelta and text.replace(".", "", 1).isdecimal():
        return float(text)  # seconds
    if _is_a(annotation, _LISTS):
        if text.startswith("["):
            return read_json(text)
        return [item.strip() for item in text.split(",")] if text.strip() else []
    if _is_scalar(annotation):
        return text
    try:
        return read_json(text)
    except UnreadableValueError as error:
        if shape.variants is not None or not _is_a(annotation, _MAPPINGS):
            return text
        raise UnreadableValueError(
            f"must be a JSON object, such as '{{\"a\": 1}}'; it {error}"
        ) from None


def _spells_none(text: str) -> bool:
    return text.strip('"').lower() == _NONE


def _unquoted_none(text: str) -> str:
    """Return the word none that was quoted in order to be text, or the text as it is."""
    if text.startswith('"'):
        with contextlib.suppress(ValueError):
            held = json.loads(text)
            if isinstance(held, str) and _spells_none(held):
                return held
    return text


def _read_union(text: str, members: tuple[Any, ...]) -> object:
    """Prefer a number to text where the union holds both: `--size=3` for `int | str` means three."""
    bare = [shape_of_type(member).annotation for member in members]
    for kind in (int, float):
        if kind in bare and str in bare:
            try:
                return kind(text)
            except (ValueError, OverflowError):
                continue
    if bool in bare and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if any(_is_a(member, _LISTS) or _is_a(member, _MAPPINGS) for member in bare) and text[:1] in (
        "[",
        "{",
    ):
        return read_json(text)
    return text


def _refuse_lookalikes(value: object, annotation: Any) -> None:  # noqa: ANN401
    """Refuse what pydantic would let through as something else, and what no record could hold."""
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


def _is_a(annotation: Any, kinds: tuple[Any, ...]) -> bool:  # noqa: ANN401
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, kinds)


def _is_scalar(annotation: Any) -> bool:  # noqa: ANN401
    if choices_of(annotation):
        return True
    if isinstance(annotation, type) and issubclass(annotation, PurePath):
        return True
    return label(annotation) != "JSON"


def _is_fixed_tuple(annotation: Any) -> bool:  # noqa: ANN401
    return get_origin(annotation) is tuple and Ellipsis not in get_args(annotation)


def _is_union(annotation: Any) -> bool:  # noqa: ANN401
    return get_origin(annotation) in (Union, UnionType)


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableValueError(f"holds {name}, which is not a finite number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableValueError(f"names '{twice}' twice")
    return found


def _json_reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]}, line {error.lineno} column {error.colno}"
    return "a number in it is too long"
