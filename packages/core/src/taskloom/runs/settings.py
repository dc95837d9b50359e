"""Settings of a store, in its `store.toml`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from taskloom.errors import ConfigError

NAME = "store.toml"


def read_settings(store: Path) -> dict[str, Any]:
    """Return the settings of a store; none if it has no `store.toml`.

    Args:
        store: The store. What is wrong with the folder itself is told by what writes into it.

    Raises:
        ConfigError: The file cannot be read, or is no TOML.
    """
    path = store / NAME
    # Not Path.is_dir, which raises for a name that is too long.
    if not os.path.isdir(store):
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
