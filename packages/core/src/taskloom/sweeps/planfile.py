"""Sweep files: what a file says about the points of a sweep, in TOML, YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskloom.errors import ConfigError
from taskloom.params.files import read_file
from taskloom.params.grammar import join_path
from taskloom.sweeps.axes import AxisReader
from taskloom.sweeps.expand import Axis, Choices, Plan


def read_plan(path: Path, reader: AxisReader | None = None) -> Plan:
    """Read a sweep file: `[parameters]`, `[[runs]]`, `zip`, `sample` and `sample_seed`.

    Args:
        path: The file.
        reader: Reads the values of a parameter, knowing its type; without one, every type is possible.

    Raises:
        ConfigError: The file cannot be read or holds something else.
    """
    reader = reader or AxisReader()
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
        axes={name: _axis_of(name, value, reader) for name, value in _leaves(parameters, reader)},
        points=[
            {name: reader.text(name, value) for name, value in _leaves(run, reader)} for run in runs
        ],
        is_zip=content.get("zip") is True,
        sample=_integer(path, content, "sample"),
        sample_seed=_integer(path, content, "sample_seed"),
    )


def _integer(path: Path, content: Mapping[str, object], name: str) -> int:
    value = content.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{path}: '{name}' is {value!r}; it must be an integer >= 0.")
    return value


def _leaves(
    table: Mapping[str, object], reader: AxisReader, prefix: str = ""
) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        # A name with dots in it is a path, as on the command line: `"detector.rank" = [1, 2]`.
        path = prefix + (name if not prefix or "." in name else join_path([name]))
        if isinstance(value, dict) and not reader.holds_table(path):
            found += _leaves(value, reader, f"{path}.")
        else:
            found.append((path, value))
    return found


def _axis_of(name: str, value: object, reader: AxisReader) -> Axis:
    if isinstance(value, list):
        if not value:
            raise ConfigError(f"--{name}: the list of values is empty.")
        return Choices(tuple(reader.text(name, item) for item in value))
    if isinstance(value, str):
        return reader.axis(name, value)
    return Choices((reader.text(name, value),))


def texts_of(file: Path, reader: AxisReader) -> list[tuple[str, str]]:
    """Return the values of a config file as a command line would give them, by dotted path.

    Raises:
        ConfigError: The file cannot be read.
    """
    return [(name, reader.text(name, value)) for name, value in _leaves(read_file(file), reader)]
