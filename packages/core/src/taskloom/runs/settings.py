"""Settings of a store, in its `store.toml`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from taskloom.errors import ConfigError, RunCorruptError
from taskloom.records.files import kind_of, read_bytes
from taskloom.toml import TomlLimitError, parse_toml

NAME = "store.toml"
_MOST_BYTES = 1 << 20


def read_settings(store: Path) -> dict[str, Any]:
    """Return the settings of a store; none if it has no `store.toml`.

    Args:
        store: The store. What is wrong with the folder itself is told by what writes into it.

    Raises:
        ConfigError: The file cannot be read, is no regular file, or is no TOML.
    """
    # Not Path.is_dir, which raises for a name that is too long.
    if not os.path.isdir(store):
        return {}
    folder = Path(os.path.realpath(store))
    if kind_of(folder, NAME) == "missing":
        return {}
    try:
        return parse_toml(read_bytes(folder, NAME, _MOST_BYTES).decode())
    except RunCorruptError as error:
        raise ConfigError(error.message) from None
    except TomlLimitError as error:
        raise ConfigError(f"{store / NAME} {error}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{store / NAME} cannot be read: {error}.") from None
