"""Sweep files: what a file says about the points of a sweep, in TOML, YAML or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from taskloom.errors import ConfigError
from taskloom.sweeps.expand import Axis, Choices, Plan, parse_axis


def read_plan(path: Path, parse: Callable[[str, str], Axis] = parse_axis) -> Plan:
    """Read a sweep file: `[parameters]`, `[[runs]]`, `zip`, `sample` and `sample_seed`.

    Args:
        path: The file.
        parse: Reads the values of a parameter, by its name, from a text.

    Raises:
        ConfigError: The file cannot be read or holds something else.
    """
    from taskloom.params.files import read_file

    content = read_file(path)
    known = {"parameters", "runs", "zip", "sample", "sample_seed"}
    unknown = sorted(set(content) - known)
    if unknown:
        raise ConfigError(
            f"{path}: '{unknown[0]}' is unknown; a sweep file has {', '.join(sorted(known))}."
        )
    parameters, runs = content.get("parameters", {}), content.get("runs", [])
    if (
        not isinstance(parameters, dict)
        or not isinstance(runs, list)
        or not all(isinstance(run, dict) for run in runs)
    ):
        raise ConfigError(f"{path}: 'parameters' must be a table and 'runs' a list of tables.")
    return Plan(
        axes={name: _axis_of(name, value, parse) for name, value in _leaves(parameters)},
        points=[{name: _as_text(value) for name, value in _leaves(run)} for run in runs],
        is_zip=content.get("zip") is True,
        sample=_integer(path, content, "sample"),
        sample_seed=_integer(path, content, "sample_seed"),
    )


def _integer(path: Path, content: Mapping[str, object], name: str) -> int:
    value = content.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{path}: '{name}' is {value!r}; it must be an integer >= 0.")
    return value


def _leaves(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _leaves(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _axis_of(name: str, value: object, parse: Callable[[str, str], Axis]) -> Axis:
    if isinstance(value, list):
        if not value:
            raise ConfigError(f"--{name}: the list of values is empty.")
        return Choices(tuple(_as_text(item) for item in value))
    return parse(name, value) if isinstance(value, str) else Choices((_as_text(value),))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def texts_of(file: Path) -> list[tuple[str, str]]:
    """Return the values of a config file as a command line would give them, by dotted path.

    Raises:
        ConfigError: The file cannot be read.
    """
    from taskloom.params.files import read_file

    return [(name, _as_text(value)) for name, value in _leaves(read_file(file))]
