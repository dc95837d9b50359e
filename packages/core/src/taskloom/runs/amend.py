"""Changes to the record of a run between its attempts, under the run's lock."""

from __future__ import annotations

import dataclasses
from typing import Any

from taskloom.identity.records import Pair
from taskloom.records.run_record import read_record
from taskloom.runs import index
from taskloom.runs.edit import check_tag
from taskloom.runs.locks import acquire
from taskloom.runs.record import RunRecord, write_record
from taskloom.runs.run import Run


def label(run: Run, name: str, tags: tuple[str, ...]) -> tuple[Run, list[str]]:
    """Give a run the name and the tags that it does not have yet.

    Returns:
        The run, and what was added: `name pilot`, `tag good`.

    Raises:
        UsageError: A tag cannot be shown.
        StoreLockedError: The run is running.
    """
    new = [tag for tag in dict.fromkeys(tags) if tag not in run.record.tags]
    for tag in new:
        check_tag(tag)
    changes: dict[str, Any] = {"tags": (*run.record.tags, *new)} if new else {}
    if name and name != run.record.name:
        changes["name"] = name
    if not changes:
        return run, []
    said = [f"name {name}"] if "name" in changes else []
    return _amended(run, **changes), [*said, *(f"tag {tag}" for tag in new)]


def accept(run: Run, pairs: tuple[Pair, ...], **changes: Any) -> Run:  # noqa: ANN401 -- the fields' own types
    """Note that a run answers, or goes on, in spite of differences: for these digests, and no later ones.

    Args:
        run: The run.
        pairs: What was accepted.
        **changes: Further fields of the record that change with it.

    Raises:
        StoreLockedError: The run is running.
    """
    accepted = tuple(dict.fromkeys([*run.record.accepted, *pairs]))
    if accepted == run.record.accepted and not _changed(run.record, changes):
        return run
    return _amended(run, accepted=accepted, **changes)


def _changed(record: RunRecord, changes: dict[str, Any]) -> bool:
    return any(getattr(record, name) != value for name, value in changes.items())


def _amended(run: Run, **changes: Any) -> Run:  # noqa: ANN401 -- the fields' own types
    lock = acquire(run.layout.lock)
    try:
        record = dataclasses.replace(read_record(run.layout.record), **changes)
        write_record(run.layout.record, record)
    finally:
        lock.release()
    index.note(run.dir)
    return Run(run.dir, record)
