"""A record that is gone, written again from the newest checkpoint, whose manifest holds what the record held."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.records.files import kind_of
from taskloom.records.folders import RECORD
from taskloom.records.run_record import parse_record
from taskloom.runs import checkpoints, index
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.record import RunRecord, write_record


def lacks_record(folder: Path) -> bool:
    """Return whether a run folder has no `run.json` at all; a damaged one is not touched."""
    return kind_of(folder, RECORD) == "missing"


def rebuild_record(folder: Path) -> RunRecord:
    """Write the record of a run anew, as it was when its newest checkpoint was taken.

    Raises:
        RunCorruptError: No checkpoint verifies, or the newest was written by an older taskloom.
        StoreLockedError: The run is running.
    """
    layout = RunLayout(folder)
    lock = acquire(layout.lock)
    try:
        newest = checkpoints.newest_good(layout.checkpoints)
        told = checkpoints.verify(newest.dir).get("record") if newest is not None else None
        if not isinstance(told, dict):
            raise RunCorruptError(
                f"{layout.record} is missing, and no checkpoint tells what the run was.",
                hint=f"Run it anew; {layout.config} holds its parameters and, in its first line, the command.",
            )
        record = dataclasses.replace(parse_record(told, layout.record), status="running", ended="")
        write_record(layout.record, record)
    finally:
        lock.release()
    index.note(folder)
    return record
