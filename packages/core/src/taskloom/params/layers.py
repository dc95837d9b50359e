"""The layers of a config, lowest first: defaults, config files, the environment, the command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from taskloom.config import FROM_RECORD, Config
from taskloom.errors import ConfigError, TaskloomError
from taskloom.params.elements import is_index
from taskloom.params.files import read_file
from taskloom.params.layer import (
    COMMAND_LINE,
    DEFAULT,
    Layer,
    Merged,
    names_of,
    nest,
    nest_names,
)
from taskloom.params.merge import merge
from taskloom.params.messages import validation_error
from taskloom.params.secret_values import read_secrets, recorded_secrets
from taskloom.params.shapes import Model, fields_of, kind_of
from taskloom.params.texts import refuse_halves
from taskloom.params.tree import leaves
from taskloom.secrets.fields import settled

PREFIX = "TASKS__"
"""Beginning of the names of environment variables that set a parameter; further double underscores are dots."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A config, and where each of its values comes from.

    Attributes:
        config: The validated config.
        sources: The layer that set each leaf, by path: `default`, `file NAME`, `environment NAME` or `command line`. The
            choice of a component is the leaf `<path>.kind`.
        notes: What a person should know, one sentence each: values that were discarded.
    """

    config: Config
    sources: dict[str, str]
    notes: list[str]


def resolve(
    config_class: type[Config],
    *,
    base: Sequence[Layer] = (),
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    arguments: Mapping[str, str] | None = None,
) -> Resolved:
    """Merge the layers, validate once, and tell where every value comes from.

    Args:
        config_class: The task's config class.
        base: The lowest layers: a record that is opened again, or values from Python.
        files: Config files; later ones win.
        environ: The environment; the process's own if None.
        arguments: Values from the command line, as text, by dotted path.

    Raises:
        ConfigError: A file or a value is not accepted.
        UnknownNameError: A parameter or a component does not exist.
    """
    layers = [
        *base,
        *file_layers(files),
        *environment_layers(config_class, os.environ if environ is None else environ),
        *argument_layers(arguments or {}),
    ]
    merged = merge(config_class, layers)
    config = validate(config_class, merged)
    sources = {path: merged.sources.get(path, DEFAULT) for path in leaves(config)}
    return Resolved(config, sources, merged.notes)


def validate(config_class: type[Config], merged: Merged) -> Config:
    """Validate merged layers.

    Raises:
        ConfigError: A value is not accepted; the message has one line for each.
    """
    raw, plain = read_secrets(config_class, merged.raw)
    merged.notes += [
        f"the value of {path} is visible in your shell's history; --{path}=env:NAME is not"
        for path in plain
        if _source_of(path, merged) == COMMAND_LINE
    ]
    try:
        config = settled(config_class.model_validate(raw))
    except ValidationError as error:
        raise validation_error(config_class, error, merged) from None
    except TaskloomError:
        raise
    except Exception as error:  # a validator of the task's own may raise anything
        if merged.faults:
            raise validation_error(config_class, None, merged) from None
        raise ConfigError(
            f"the config cannot be checked: {type(error).__name__}: {error}"
        ) from error
    if merged.faults:
        raise validation_error(config_class, None, merged)
    refuse_halves(config)
    return config


def _source_of(path: str, merged: Merged) -> str:
    """Return the source of a leaf, or of an item of a list or table: the leaf that holds it."""
    while path not in merged.sources and "." in path:
        path = path.rpartition(".")[0]
    return merged.sources.get(path, DEFAULT)


def validate_record(
    config_class: type[Config], values: Mapping[str, object], source: str
) -> Config:
    """Return the config that a record holds: all its values, as JSON.

    Args:
        config_class: The task's config class.
        values: The values, nested by name.
        source: What the record is called in messages: `the record of RUN`.

    Raises:
        ConfigError: A value is no longer accepted.
        UnknownNameError: A parameter or a component no longer exists.
    """
    try:
        recorded = recorded_secrets(config_class, values)
        return settled(config_class.model_validate(recorded, context=FROM_RECORD))
    except ValidationError as error:
        # Merging tells sources and chosen components, refuses names that no longer exist, and reads what JSON has no form for.
        merged = merge(config_class, [record_layer(values, source)])
        with contextlib.suppress(ValidationError):
            if not merged.faults:
                recorded = recorded_secrets(config_class, merged.raw)
                return settled(config_class.model_validate(recorded, context=FROM_RECORD))
        raise validation_error(config_class, error, merged) from None


def file_layers(files: Sequence[Path]) -> list[Layer]:
    """Read config files as layers."""
    return [Layer(f"file {path}", read_file(path), typed=True) for path in files]


def environment_layers(config_class: Model, environ: Mapping[str, str]) -> list[Layer]:
    """Return one layer for each variable that begins with `TASKS__`, the shallowest path first."""
    found = [(name, value) for name, value in environ.items() if name.upper().startswith(PREFIX)]
    found.sort(key=lambda item: (item[0].upper().removesuffix("__KIND").count("__"), item[0]))
    return [
        Layer(
            f"environment {name}",
            nest_names(_field_names(config_class, name[len(PREFIX) :]), value),
        )
        for name, value in found
    ]


def argument_layers(arguments: Mapping[str, str], source: str = COMMAND_LINE) -> list[Layer]:
    """Return one layer for each argument, the shallowest path first: a component is chosen before it is tuned.

    Args:
        arguments: The texts, by path.
        source: Place of the arguments in messages.

    Raises:
        UnknownNameError: A name has a quotation mark that is not closed.
    """
    found = sorted(arguments.items(), key=lambda item: _order(item[0]))
    return [Layer(source, nest(path, value)) for path, value in found]


def _order(path: str) -> tuple[bool, int, list[tuple[int, int, str]]]:
    """Return what sorts paths: removals last, then by depth, then by name, with the places of items as numbers."""
    names = names_of(path.removesuffix("!").removesuffix(".kind"))
    parts = [
        (0, int(name), "") if is_index(name) and name[0] != "-" else (1, 0, name) for name in names
    ]
    return path.endswith("!"), len(names), parts


def record_layer(values: Mapping[str, object], source: str) -> Layer:
    """Return the layer of a recorded config, the lowest where a run is opened again."""
    return Layer(source, values, typed=True, literal=True)


def _field_names(config_class: Model, name: str) -> list[str]:
    """Spell a variable's name as a path; variables are upper case by custom, fields need not be lower case."""
    exact = {
        field.lower(): field
        for field in [*fields_of(config_class), *(("kind",) if kind_of(config_class) else ())]
    }
    head, *rest = name.lower().split("__")
    return [exact.get(head, head), *rest]
