"""Secrets in what a config is validated from: each text that stands for one is read before pydantic sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.params.shapes import Shape, fields_of, shape_of, shape_of_type
from taskloom.secrets.redaction import MARK
from taskloom.secrets.references import (
    ASKED,
    DEFAULT_MARK,
    SecretValue,
    not_kept,
    read_secret,
    reference_of,
)

_KINDS = (SecretStr, SecretBytes)
_LISTS = (list, tuple, set, frozenset)


def read_secrets(
    model: type[BaseModel], raw: Mapping[str, object]
) -> tuple[dict[str, Any], list[str]]:
    """Return what pydantic validates with every secret read, and the paths of those that were given plainly.

    Args:
        model: The config class.
        raw: The values by name, as the layers of a config have them.

    Raises:
        ConfigError: A reference leads nowhere, or a value was not kept.
    """
    reader = _Reader()
    return reader.model(model, raw, ""), reader.plain


def recorded_secrets(model: type[BaseModel], values: Mapping[str, object]) -> dict[str, Any]:
    """Return the dump of a config with every secret read, as pydantic validates it.

    Raises:
        ConfigError: A reference leads nowhere, or a value was not kept.
    """
    reader = _Reader()
    found = reader.model(model, values, "")
    # Another text that held the value was not kept either; without a secret the mark is a text like any other.
    if reader.has_secret and reader.marked:
        raise not_kept(reader.marked[0])
    return found


class _Reader:
    """One walk along a config class and what is to be validated by it."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.marked: list[str] = []
        self.has_secret = False

    def model(self, model: type[BaseModel], raw: Mapping[str, object], path: str) -> dict[str, Any]:
        """Read the secrets of one component."""
        fields = fields_of(model)
        return {
            name: self._value(value, shape_of(fields[name]), f"{path}{name}")
            if name in fields
            else value
            for name, value in raw.items()
            if value != DEFAULT_MARK
        }

    def _value(self, value: object, shape: Shape, path: str) -> Any:  # noqa: ANN401 -- any annotation
        if isinstance(value, str):
            return self._text(value, shape, path)
        if isinstance(value, Mapping):
            return self._table(value, shape, path)
        self.has_secret = self.has_secret or isinstance(value, _KINDS)
        inner = get_args(shape.annotation)
        if isinstance(value, list) and _is_list(shape.annotation) and inner:
            is_fixed = get_origin(shape.annotation) is tuple and Ellipsis not in inner
            kinds = inner if is_fixed and len(inner) == len(value) else inner[:1] * len(value)
            return [
                self._value(item, shape_of_type(kind), f"{path}.{number}")
                for number, (item, kind) in enumerate(zip(value, kinds, strict=True))
            ]
        return value

    def _text(self, text: str, shape: Shape, path: str) -> object:
        kind = _secret_kind(shape.annotation)
        if kind is None:
            if MARK in text:
                self.marked.append(path)
            return text
        self.has_secret = True
        secret = read_secret(text, kind, path)
        if not reference_of(secret) and text != ASKED:
            self.plain.append(path)
        return secret

    def _table(self, table: Mapping[str, object], shape: Shape, path: str) -> dict[str, Any]:
        model = shape.model
        name = table.get("kind")
        if shape.variants is not None and isinstance(name, str) and name in shape.variants.names():
            model = shape.variants.load(name)
        if model is not None:
            return self.model(model, table, f"{path}.")
        inner = get_args(shape.annotation)
        if len(inner) != 2:
            return dict(table)
        kind = shape_of_type(inner[1])
        return {key: self._value(item, kind, f"{path}.{key}") for key, item in table.items()}


def _secret_kind(annotation: Any) -> type[SecretValue] | None:  # noqa: ANN401 -- any annotation
    """Return the kind of secret that a text stands for, or None where it is a text."""
    members = get_args(annotation) if not isinstance(annotation, type) else (annotation,)
    found = [item for item in members if item in _KINDS]
    return None if str in members or not found else found[0]


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 -- any annotation
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, _LISTS)
