"""Runs that answer the points of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


def finished_of(folder: Path) -> tuple[list[Run], str]:
    """Return the finished runs of a sweep in the order of its points, and a sentence about the others; nothing if there are none.

    Args:
        folder: The sweep's folder.

    Raises:
        RunCorruptError: A record is missing or damaged.
    """
    store = folder.parent
    rows = rows_of(store, folder.name, read_sweep(folder))
    opened = [open_run(str(store / row["folder"]), store) if row else None for row in rows]
    failures = [run.record.failure for run in opened if run is not None and run.status == "failed"]
    reasons = [failure.message.partition("\n")[0] for failure in failures if failure is not None]
    finished = [run for run in opened if run is not None and run.status == "finished"]
    return finished, missing_sentence([run.status if run else "" for run in opened], reasons)


def missing_sentence(statuses: Sequence[str], reasons: Sequence[str]) -> str:
    """Return how many points of a sweep are finished, with the most frequent reason of those that failed.

    Args:
        statuses: Status of each point; empty for one without a run.
        reasons: Reasons of those that failed.

    Example:
        >>> missing_sentence(["finished", "finished", "failed", ""], ["no memory"])
        '2 of 4 finished, 1 failed: no memory; 1 without a run.'
    """
    counted = Counter(status or "without a run" for status in statuses)
    done = counted.pop("finished", 0)
    if done == len(statuses):
        return ""
    rest = [f"{count} {status}" for status, count in counted.items() if status != "failed"]
    failed = ""
    if counted["failed"]:
        why = Counter(reasons).most_common(1)
        failed = f", {counted['failed']} failed{': ' + why[0][0].rstrip('.') if why else ''}"
    return f"{done} of {len(statuses)} finished{failed}{'; ' + ', '.join(rest) if rest else ''}."
