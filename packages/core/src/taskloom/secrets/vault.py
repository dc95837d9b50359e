"""Values that were given plainly, on their way from the command to the process that runs the task, in memory and through pipes.

A key is the identity of a run, or its folder. Nothing here is ever written to a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from taskloom.errors import ConfigError
from taskloom.secrets.fields import Held, held, restored
from taskloom.secrets.references import by_reference

IN_MEMORY = ("inline", "local")
"""The executors whose workers get values through a pipe, or are this process."""
_held: dict[str, list[Held]] = {}


def keep(key: str, config: BaseModel) -> None:
    """Keep the values of a config that its dump lacks."""
    if missing := held(config):
        _held[key] = missing


def complete(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the dump of a config with the values that are kept under the first of the keys that has some."""
    for key in keys:
        if key in _held:
            return restored(values, _held[key])
    return values


def check_placement(keys: Iterable[str], executor: str) -> None:
    """Refuse an executor that reaches its workers through files alone, for values that no file holds.

    Raises:
        ConfigError: A value was given plainly; the message names it.
    """
    if executor in IN_MEMORY:
        return
    for key in keys:
        if key in _held:
            path = ".".join(map(str, _held[key][0][0]))
            raise needs_reference(path, executor)


def needs_reference(path: str, executor: str) -> ConfigError:
    """Return the error for a plain value that an executor cannot pass on."""
    return ConfigError(
        f"--{path} is a secret that was given plainly, and a run on {executor} takes references alone.",
        hint=by_reference(path),
    )


def packed(key: str) -> list[Any]:
    """Return what is kept under a key as JSON, for a pipe to another process; empty if nothing is."""
    return [
        [list(place), {"hex": value.hex()} if isinstance(value, bytes) else value, is_secret]
        for place, value, is_secret in _held.get(key, [])
    ]


def unpack(key: str, rows: list[Any]) -> None:
    """Keep what another process has packed."""
    if rows:
        _held[key] = [
            (
                tuple(place),
                bytes.fromhex(value["hex"]) if isinstance(value, dict) else value,
                is_secret,
            )
            for place, value, is_secret in rows
        ]
