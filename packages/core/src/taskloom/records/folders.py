"""Run folders of a store: which there are, and which cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from taskloom.errors import StoreError
from taskloom.records.files import UNREADABLE, stat_file
from taskloom.records.names import is_generated, is_id

RECORD = "run.json"
_OF_A_RUN = ("lock", "metrics.jsonl", "log.jsonl", "checkpoints")
"""Entries of a run that has begun; one that is being made has none of them yet, and is no damage."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A folder whose record cannot be read.

    Attributes:
        folder: Its name in the store.
        reason: What is wrong, without a full stop.
    """

    folder: str
    reason: str


class Seen(NamedTuple):
    """A folder that holds a record.

    Attributes:
        folder: Its name in the store.
        state: Modification time [ns], size [bytes] and inode of the record: equal for equal content.
    """

    folder: str
    state: tuple[int, int, int]


def state_of(found: os.stat_result) -> tuple[int, int, int]:
    """Return what tells one content of a record from another; a replaced file has another inode."""
    return found.st_mtime_ns, found.st_size, found.st_ino & (2**63 - 1)


def look(store: Path) -> Iterator[Seen | Damaged]:
    """Yield the run folders of a store, in no order; a store that does not exist has none.

    Raises:
        StoreError: The store cannot be read.
    """
    root = os.fspath(store)
    try:
        with os.scandir(root) as entries:
            named = [
                (entry.name, entry.is_symlink(), entry.is_dir(follow_symlinks=False))
                for entry in entries
                if is_id(entry.name)
            ]
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"Cannot read the store {store}: {error.strerror}.") from error
    for name, is_link, is_folder in named:
        if is_link and is_generated(name):
            yield Damaged(name, "the folder is a link")
        elif is_folder:
            found = _look_into(root, name)
            if found is not None:
                yield found


def look_at(store: Path, name: str) -> Seen | Damaged | None:
    """Return what `look` yields for one folder of a store; None if it is no run folder."""
    path = store / name
    if not is_id(name) or not path.is_dir():
        return None
    if path.is_symlink():
        return Damaged(name, "the folder is a link") if is_generated(name) else None
    return _look_into(os.fspath(store), name)


def names_holding(store: Path, file: str) -> list[str]:
    """Return the names of the folders of a store that hold a regular file of this name, sorted.

    Raises:
        StoreError: The store cannot be read.
    """
    try:
        with os.scandir(store) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"Cannot read the store {store}: {error.strerror}.") from error
    return sorted(name for name in names if is_id(name) and stat_file(store / name, file))


def run_names(store: Path) -> list[str]:
    """Return the names of the run folders of a store, the damaged ones too, sorted.

    Raises:
        StoreError: The store cannot be read.
    """
    return sorted(found.folder for found in look(store))


def _look_into(root: str, name: str) -> Seen | Damaged | None:
    try:
        found = os.stat(f"{root}/{name}/{RECORD}", follow_symlinks=False)
    except FileNotFoundError:
        has_begun = os.path.lexists(f"{root}/{name}/config.toml") and any(
            os.path.lexists(f"{root}/{name}/{entry}") for entry in _OF_A_RUN
        )
        return Damaged(name, f"{RECORD} missing") if has_begun else None
    except OSError as error:
        return Damaged(name, f"{UNREADABLE}: {(error.strerror or str(error)).lower()}")
    if not stat.S_ISREG(found.st_mode):
        return Damaged(name, f"{RECORD} is no regular file")
    return Seen(name, state_of(found))
