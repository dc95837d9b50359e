"""Names in a store: ids, which are the names of the folders of runs and sweeps, and what lies in such a folder; and names of metrics."""

from __future__ import annotations

import re

ENTRIES = frozenset(
    [
        *("run.json", "config.toml", "env.json", "code.json", "source.patch", "report.html"),
        *("metrics.jsonl", "log.jsonl", "output.txt", "progress.json", "lock", "lock.lease"),
        *(
            "artifacts",
            "checkpoints",
            "code",
            "sweep.json",
            "study.json",
            "search.json",
            "optuna.log",
        ),
    ]
)
"""Names of what taskloom writes into the folder of a run or a sweep."""
_TEMPORARY = re.compile(
    r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp"
)  # see `taskloom.runs.writer.atomic_write`
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
_GENERATED = re.compile(r"\d{8}-\d{6}-")  # how `taskloom.runs.layout.new_id` begins every id

_LONGEST_METRIC = 200
RESERVED_METRICS = frozenset({"step", "t"})
"""Entries of a line of metrics beside the metrics."""


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


def check_metric_name(name: str) -> None:
    """Refuse names of metrics that would break a listing, a page or another tool.

    Raises:
        ValueError: The name is reserved, empty, too long, or holds control characters.
    """
    if name in RESERVED_METRICS:
        raise ValueError(f"The metric name {name!r} is reserved.")
    if not name or len(name) > _LONGEST_METRIC or not name.isprintable() or name != name.strip():
        raise ValueError(
            f"The metric name {name[:40]!r} is not allowed: 1 to {_LONGEST_METRIC} printable characters, no space at the ends."
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"The metric name {name[:40]!r} is no valid text.") from None
