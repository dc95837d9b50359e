"""The options of runs as records hold them, each of the type that its default has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskloom.context import Resources
from taskloom.records.checks import read_integer, read_span, read_table, read_text, read_texts
from taskloom.request import RunOptions

_DEFAULTS = RunOptions()


def read_option(value: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 -- the field's own type
    """Read one option.

    Args:
        value: A record.
        name: The option's name, which is that of the field.

    Raises:
        KeyError: The record lacks it.
        TypeError: It is of another type than the option.
        ValueError: It is out of range.
    """
    default = getattr(_DEFAULTS, name)
    if isinstance(default, Resources):
        return _resources(read_table(value, name))
    if isinstance(default, tuple):
        return read_texts(value, name)
    if default is None:  # a folder
        return None if value[name] is None else read_text(value, name)
    if type(default) is int:
        return read_integer(value, name)
    if isinstance(default, str):
        return read_text(value, name)
    if type(value[name]) is not type(default):
        raise TypeError(f"the field {name!r} is no {type(default).__name__}")
    return value[name]


def _resources(value: Mapping[str, Any]) -> Resources:
    # A resource that a record does not name is one of a later release, and was not asked for.
    whole = ("cpus", "gpus", "num_nodes", "memory")
    found = {name: read_integer(value, name) for name in whole if name in value}
    if "time_limit" in value:
        return Resources(**found, time_limit=read_span(value, "time_limit"))
    return Resources(**found)
