"""Config files: TOML, YAML and JSON in, TOML out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel

from taskloom.errors import ConfigError
from taskloom.params.grammar import UnreadableValueError, read_json
from taskloom.params.labels import shown
from taskloom.params.values import table_of
from taskloom.registry.suggest import closest
from taskloom.secrets import redaction
from taskloom.toml import TomlLimitError, parse_toml

_MOST_BYTES = 1 << 20
_MOST_NODES = 100_000


def read_file(path: Path) -> dict[str, object]:
    """Read a config file as nested mappings.

    Args:
        path: A file that ends in .toml, .yaml, .yml or .json; without an ending it is read as TOML.

    Raises:
        ConfigError: It cannot be read, is malformed, or does not hold a table of parameters.
    """
    text = _read_text(path)
    readers: dict[str, Callable[[str], object]] = {
        "": parse_toml,
        ".toml": parse_toml,
        ".json": read_json,
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        allowed = ", ".join(name for name in readers if name)
        raise ConfigError(
            f"config file '{path}' ends in '{path.suffix}': it must end in one of {allowed}"
        )
    try:
        found = reader(text)
        _check_tree(found)
    except RecursionError:
        raise ConfigError(f"config file '{path}' is nested too deeply") from None
    except (UnreadableValueError, TomlLimitError) as error:
        raise ConfigError(f"config file '{path}' {error}") from None
    except ValueError as error:  # TOMLDecodeError, and integers beyond the interpreter's limit
        raise ConfigError(f"config file '{path}' is not valid TOML: {_one_line(error)}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"config file '{path}' must hold parameters by name, not {shown(found)}")
    return found


def to_toml(config: BaseModel) -> str:
    """Return the config as TOML that `read_file` and `resolve` read back to an equal config."""
    import tomli_w

    return tomli_w.dumps(redaction.IN_CONFIGS.tree(table_of(config)))


def _read_text(path: Path) -> str:
    try:
        data = _read_bytes(path)
    except FileNotFoundError:
        raise ConfigError(f"config file '{path}' does not exist", hint=_nearest(path)) from None
    except IsADirectoryError:
        raise ConfigError(f"config file '{path}' is a directory: name a file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"config file '{path}' cannot be read: {reason}") from None
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"config file '{path}' is larger than {_MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"config file '{path}' is not UTF-8 text (byte {error.start})") from None


def _read_bytes(path: Path) -> bytes:
    """Read at most a little more than is allowed: a pipe has no size, and /dev/zero has no end.

    A pipe can be read only once, but a config file is read twice: to find the components chosen, and to resolve. So what
    came out of a pipe, as in `--config <(command)`, is kept.
    """
    found = path.stat()
    key = (found.st_dev, found.st_ino)
    if stat.S_ISFIFO(found.st_mode) and key in _piped:
        return _piped[key]
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if stat.S_ISFIFO(found.st_mode):
        _piped[key] = data
    return data


_piped: dict[tuple[int, int], bytes] = {}


def _nearest(path: Path) -> str:
    try:
        match = closest(path.name, os.listdir(path.parent))
    except (OSError, ValueError):
        return ""
    return f"did you mean '{path.parent / match}'?" if match else ""


def _read_yaml(text: str) -> object:
    # 40 ms that only a YAML file pays for
    from taskloom.params.yaml12 import read_yaml

    return read_yaml(text)


def _check_tree(tree: object) -> None:
    """Refuse keys that are not text, and trees that aliases blow up."""
    nodes, todo = 0, [tree]
    while todo:
        node = todo.pop()
        nodes += 1
        if nodes > _MOST_NODES:
            raise UnreadableValueError(f"holds more than {_MOST_NODES} values")
        if isinstance(node, Mapping):
            for key in node:
                if not isinstance(key, str):
                    raise UnreadableValueError(f"has the key {shown(key)}: keys must be text")
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)


def _one_line(error: Exception) -> str:
    return shown(" ".join(str(error).split()) or "a number in it is too long")
