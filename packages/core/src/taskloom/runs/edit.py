"""Changes to a run that is over: its tags, and its removal."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from taskloom.errors import StoreError, UsageError
from taskloom.records.run_record import read_record
from taskloom.runs import index
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.record import write_record
from taskloom.runs.run import Run
from taskloom.runs.writer import store_error

_TAG_LIMIT = 100
_GENERATED = re.compile(r"\d{8}-\d{6}-")  # how every id begins; see `taskloom.runs.layout.new_id`


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


def remove_run(folder: Path) -> None:
    """Remove a run's folder for good, also one whose record is damaged.

    The folder is renamed first, so that a removal that is interrupted leaves nothing that looks like a run.

    Raises:
        StoreLockedError: The run is running.
        RunCorruptError: The folder is no run.
        StoreError: The folder is a symbolic link, or cannot be removed.
    """
    if folder.is_symlink():
        raise StoreError(f"{folder} is a symbolic link; remove it by hand.")
    layout = RunLayout(folder)
    if not _GENERATED.match(folder.name):
        read_record(layout.record)  # a folder of another name has to prove that it is a run
    lock = acquire(layout.lock)
    doomed = folder.with_name(f".removed-{folder.name}")
    try:
        folder.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise store_error("remove", folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            lock.release()
