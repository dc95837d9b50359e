"""Runs that answer the points of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from taskloom.runs.index import having
from taskloom.runs.run import Run, open_run
from taskloom.sweeps.record import SweepRecord, read_sweep


def rows_of(store: Path, name: str, record: SweepRecord) -> list[dict[str, Any] | None]:
    """Return the row of the newest run of each point, in the order of the points; None for a point without a run.

    A search has no points: its rows are those of its runs, the oldest first. A run of another sweep, or one by itself, is an
    answer as well if it is finished.

    Args:
        store: The store.
        name: The name of the sweep's folder.
        record: The sweep's record.
    """
    own = having(store, "sweep", [name])
    if not record.points:
        return [*reversed(own)]
    newest = {row["identity"]: row for row in reversed(own)}
    missing = [point.identity for point in record.points if point.identity not in newest]
    for row in having(store, "identity", missing):
        if row["status"] == "finished":
            newest.setdefault(row["identity"], row)
    return [newest.get(point.identity) for point in record.points]


def runs_of(folder: Path) -> list[Run]:
    """Return the finished runs of a sweep in the order of its points.

    Args:
        folder: The sweep's folder.

    Raises:
        RunCorruptError: A record is missing or damaged.
    """
    store = folder.parent
    rows = rows_of(store, folder.name, read_sweep(folder))
    names = [row["folder"] for row in rows if row is not None and row["status"] == "finished"]
    return [open_run(str(store / name), store) for name in names]
