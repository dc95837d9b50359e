"""Parameters: from a config class to options, and from layers of text and files to a validated config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom.params.choices import (
        Applicable as Applicable,
        find_alternatives as find_alternatives,
        find_choices as find_choices,
    )
    from taskloom.params.files import read_file as read_file, to_toml as to_toml
    from taskloom.params.layer import Layer as Layer
    from taskloom.params.layers import (
        Resolved as Resolved,
        record_layer as record_layer,
        resolve as resolve,
        validate_record as validate_record,
    )
    from taskloom.params.messages import suggestion as suggestion
    from taskloom.params.reading import read_value as read_value
    from taskloom.params.schema import json_schema as json_schema
    from taskloom.params.tree import Parameter as Parameter, leaves as leaves, walk as walk
    from taskloom.params.values import write as write

_HOMES = {
    "taskloom.params.choices": ("Applicable", "find_alternatives", "find_choices"),
    "taskloom.params.files": ("read_file", "to_toml"),
    "taskloom.params.layer": ("Layer",),
    "taskloom.params.layers": ("Resolved", "record_layer", "resolve", "validate_record"),
    "taskloom.params.messages": ("suggestion",),
    "taskloom.params.reading": ("read_value",),
    "taskloom.params.schema": ("json_schema",),
    "taskloom.params.tree": ("Parameter", "leaves", "walk"),
    "taskloom.params.values": ("write",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = list(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]

# Imported when first used: the parts of this package and `taskloom.secrets` need one another.
__getattr__, __dir__ = lazy_names("taskloom.params", _HOME_OF)
