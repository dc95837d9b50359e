"""Texts of a config that no file can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from taskloom.errors import ConfigError


def refuse_halves(config: BaseModel) -> None:
    """Refuse a config in which a text holds half of a character: a record of it could not be written.

    JSON, YAML and Python can spell such a text, and bytes that are no UTF-8 become one.

    Raises:
        ConfigError: A text, a path or a key does; the message names its parameter.
    """
    for path, text in _texts(config, ""):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{path}: the text {text[:40]!r} holds {text[error.start]!r}, half of a character, which no file can hold."
            ) from None


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- the value of any field
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, PurePath):
        yield path, str(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key, path)
            yield from _texts(item, f"{path}.{key!s}")
    elif isinstance(value, list | tuple | Set):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}.{number}")
