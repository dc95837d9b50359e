"""A heartbeat of another machine: does it change while this machine looks?

Its time is the writer's clock, or the file server's, and says nothing. What counts is how long this machine has seen it unchanged,
by its own monotonic clock, which runs through all of its processes. What was seen is kept in the store's cache, so that the
next command goes on observing.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Literal

from taskloom.errors import StoreError
from taskloom.runs.writer import atomic_write_json
from taskloom.system.files import open_regular
from taskloom.system.machine import boot_id, host_name

Liveness = Literal["alive", "dead", "unknown"]

_NAME = "heartbeats.json"
_MOST = 1000
_LONGEST = 1 << 20  # [bytes]
_Seen = tuple[str, float, bool]  # the beat, when it was first seen [s], whether it followed another


def observe(path: Path, beat: str, patience: float) -> Liveness:
    """Look at a heartbeat once more.

    Args:
        path: The lock file that it belongs to, in a folder of a store.
        beat: Something that changes with each heartbeat.
        patience: How long it may stay unchanged [s].

    Returns:
        `alive` if it has changed since it was first seen, and not too long ago; `dead` if it has not for so long; else
        `unknown`.
    """
    cache = path.parent.parent / ".cache" / _NAME
    key = f"{boot_id() or host_name()} {path.parent.name}/{path.name}"
    now = time.monotonic()
    kept = _read(cache)
    for seen in (_seen.get((cache, key)), kept.get(key)):
        # A time ahead of now is of an earlier boot.
        if seen is not None and seen[0] == beat and seen[1] <= now:
            _seen[cache, key] = seen
            if now - seen[1] >= patience:
                return "dead"
            return "alive" if seen[2] else "unknown"
    follows = (cache, key) in _seen or key in kept
    _seen[cache, key] = kept[key] = (beat, now, follows)
    _write(cache, kept)
    return "alive" if follows else "unknown"


_seen: dict[tuple[Path, str], _Seen] = {}


def _read(cache: Path) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    try:
        with os.fdopen(open_regular(cache), "rb") as file:
            told = json.loads(file.read(_LONGEST))
        for key, (beat, at, follows) in told.items():
            found[str(key)] = (str(beat), float(at), bool(follows))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return found


def _write(cache: Path, kept: dict[str, _Seen]) -> None:
    """Keep what was seen; a store that cannot be written is observed by this process alone."""
    newest = sorted(kept.items(), key=lambda item: item[1][1])[-_MOST:]
    with contextlib.suppress(OSError, StoreError):
        cache.parent.mkdir(exist_ok=True)
        if cache.parent.is_symlink():
            return
        atomic_write_json(cache, {key: list(value) for key, value in newest})
