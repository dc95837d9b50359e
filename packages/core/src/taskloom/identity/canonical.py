"""Canonical form of values: equal values have one form in every process and on every platform, unequal ones differ.

    >>> digest({"b", "a"})[:16]
    '38711acfb4d8801c'
    >>> digest(0.1)[:16]
    'b45d31fe423a8026'

The form is made of None, booleans, integers, texts and lists, which JSON writes in one way only; everything else is a table
with one key that begins with `%`. It works on Python values: a dump to JSON has lost the order of sets and the types of keys.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.config import ExecutionOnly, Secret
from taskloom.errors import PluginError
from taskloom.identity.types import own_form
from taskloom.secrets.digests import keyed_digest

Form: TypeAlias = Any
"""A canonical form: what `json.dumps` takes."""

_EXACT = 2**53  # readers in other languages keep integers as doubles


def canonical(  # noqa: PLR0911 -- one return a kind
    value: object,
    replaced: Mapping[str, Form] | None = None,
    at: str = "",
    *,
    as_written: bool = False,
) -> Form:
    """Return the canonical form of a value.

    Args:
        value: A config, or what may stand in one.
        replaced: Forms that stand in the place of those of some fields, by dotted path.
        at: The dotted path of the value itself.
        as_written: Leave the values of secrets out, which no record has.

    Raises:
        PluginError: A value in it is of a type that has no identity; the message names its field.
    """
    if replaced and at in replaced:
        return replaced[at]
    if as_written and isinstance(value, SecretStr | SecretBytes):
        return {"%secret": ""}
    scalar = _scalar(value)
    if scalar is not None or value is None:
        return scalar

    def inner(item: object, name: object) -> Form:
        return canonical(item, replaced, below(at, name), as_written=as_written)

    if isinstance(value, BaseModel):
        return {name: inner(item, name) for name, item in counted_fields(value)}
    if isinstance(value, Mapping):
        rows = [[canonical(key), inner(item, key)] for key, item in value.items()]
        return {"%map": sorted(rows, key=text)}
    if isinstance(value, Set):
        parts = [inner(item, number) for number, item in enumerate(ordered(value))]
        return {"%set": sorted(parts, key=text)}
    if isinstance(value, Sequence):
        return [inner(item, number) for number, item in enumerate(value)]
    own = own_form(type(value))
    if own is not None:
        return {
            "%object": [
                _name_of(type(value)),
                canonical(own(value), replaced, at, as_written=as_written),
            ]
        }
    raise PluginError(no_identity(at, type(value)))


def counted_fields(model: BaseModel) -> Iterable[tuple[str, object]]:
    """Yield name and value of the fields that count.

    Left out are those that say how a run is executed, and secrets that change no result.
    """
    for name, info in type(model).model_fields.items():
        if not any(_is_left_out(mark) for mark in info.metadata):
            yield name, getattr(model, name)


def _is_left_out(mark: object) -> bool:
    is_execution = mark is ExecutionOnly or isinstance(mark, ExecutionOnly)
    return is_execution or (isinstance(mark, Secret) and not mark.counts)


def ordered(values: Iterable[object]) -> list[object]:
    """Return the items of a set in the order of their canonical texts, which is that of no process."""
    return sorted(values, key=lambda item: text(canonical(item)))


def below(path: str, name: object) -> str:
    """Return the dotted path of a part."""
    return f"{path}.{name}" if path else str(name)


def text(form: Form) -> str:
    """Return the one text of a canonical form."""
    return json.dumps(
        form, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest_of(form: Form) -> str:
    """Return the SHA-256 (hexadecimal) of a canonical form."""
    return hashlib.sha256(text(form).encode()).hexdigest()


def digest(value: object) -> str:
    """Return the SHA-256 (hexadecimal) of a value's canonical form.

    Raises:
        PluginError: A value in it is of a type that has no identity.
    """
    return digest_of(canonical(value))


def no_identity(field: str, kind: object) -> str:
    """Return the sentence about a field whose type has no canonical form."""
    where = f"field {field}" if field else "a value"
    return f"{where} of type {_name_of(kind)} has no identity; give it a `canonical()`."


def _scalar(value: object) -> Form:  # noqa: PLR0911 -- one return a kind
    """Return the form of a value without parts; None for None, and for everything else."""
    if isinstance(value, Enum):
        return {"%enum": value.name}
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if -_EXACT <= value <= _EXACT else {"%int": str(int(value))}
    if isinstance(value, float):
        return {"%float": _float_text(value)}
    if isinstance(value, bytes):
        return {"%bytes": value.hex()}
    if isinstance(value, PurePath):
        return {"%path": value.as_posix()}
    if isinstance(value, SecretStr | SecretBytes):
        return {"%secret": keyed_digest(value.get_secret_value())}
    return _moment(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float.hex(value + 0.0)  # -0.0 + 0.0 is 0.0, which it equals


def _moment(value: object) -> Form:
    if isinstance(value, timedelta):
        return {"%us": value // timedelta(microseconds=1)}
    if isinstance(value, datetime):
        # Two moments are equal whatever their offsets are.
        return {
            "%datetime": (
                value.astimezone(UTC) if value.utcoffset() is not None else value
            ).isoformat()
        }
    if isinstance(value, date):
        return {"%date": value.isoformat()}
    if isinstance(value, time):
        return {"%time": value.isoformat()}
    return None


def _name_of(kind: object) -> str:
    return getattr(kind, "__qualname__", None) or str(kind)
