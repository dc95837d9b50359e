"""Changes to a run that is over: its tags."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from taskloom.errors import UsageError
from taskloom.records.run_record import read_record
from taskloom.runs import index
from taskloom.runs.locks import acquire
from taskloom.runs.record import write_record
from taskloom.runs.run import Run

_TAG_LIMIT = 100


def tag_run(run: Run, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Add and remove tags and return those that the run has then.

    Raises:
        UsageError: A tag is empty, too long, or not printable.
        StoreLockedError: The run is running.
    """
    for tag in add:
        check_tag(tag)
    gone = set(remove)
    lock = acquire(run.layout.lock)
    try:
        record = read_record(run.layout.record)
        tags = tuple(tag for tag in dict.fromkeys([*record.tags, *add]) if tag not in gone)
        write_record(run.layout.record, dataclasses.replace(record, tags=tags))
    finally:
        lock.release()
    index.note(run.dir)
    return tags


def check_tag(tag: str) -> None:
    """Refuse tags that a listing could not show.

    Raises:
        UsageError: The tag is empty, too long, or not printable.
    """
    if not tag.strip() or len(tag) > _TAG_LIMIT or not tag.isprintable():
        raise UsageError(
            f"The tag {tag[:40]!r} is not allowed: 1 to {_TAG_LIMIT} printable characters."
        )
