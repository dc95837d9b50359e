"""Names in a store: ids, which are the names of the folders of runs and sweeps, and what lies in such a folder."""

from __future__ import annotations

import re

ENTRIES = frozenset(
    [
        *("run.json", "config.toml", "env.json", "code.json", "source.patch", "report.html"),
        *("metrics.jsonl", "log.jsonl", "output.txt", "progress.json", "lock", "lock.lease"),
        *("artifacts", "checkpoints", "sweep.json", "search.json", "optuna.log"),
    ]
)
"""Names of what taskloom writes into the folder of a run or a sweep."""
_TEMPORARY = re.compile(
    r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp"
)  # see `taskloom.runs.writer.atomic_write`
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
_GENERATED = re.compile(r"\d{8}-\d{6}-")  # how `taskloom.runs.layout.new_id` begins every id


def is_id(text: str) -> bool:
    """Return whether the text could be the id of a run or of a sweep."""
    return _ID.fullmatch(text) is not None


def is_generated(text: str) -> bool:
    """Return whether the text is an id as taskloom makes them, and not one that a person gave."""
    return is_id(text) and _GENERATED.match(text) is not None


def is_of_a_run(name: str) -> bool:
    """Return whether taskloom writes a file or folder of this name into the folder of a run, or half of it."""
    half = _TEMPORARY.fullmatch(name)
    return (half["name"] if half else name) in ENTRIES
