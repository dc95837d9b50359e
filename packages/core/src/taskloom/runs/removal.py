"""Removal of runs and sweeps, and of nothing else: a name is no proof of what a folder is."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from taskloom.errors import RunCorruptError, StoreError
from taskloom.records.files import kind_of, list_folder
from taskloom.records.names import is_generated, is_of_a_run
from taskloom.records.run_record import read_record
from taskloom.runs.layout import RunLayout
from taskloom.runs.locks import acquire
from taskloom.runs.writer import store_error
from taskloom.system.files import replace

TRASH = ".trash"
"""Folder of a store into which what is removed is renamed first: a removal that is interrupted leaves nothing like a run."""
_RECORDS = ("run.json", "sweep.json")


def folder_of(path: str) -> Path:
    """Return the folder that a path names, without following a link in its last part.

    The links before it are followed, as everywhere else, and so is a path that ends in `.` or `..`, which no folder is called.
    """
    parent, name = os.path.split(path.rstrip("/") or "/")
    if name in ("", ".", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(parent or "."), name)


def check_removable(folder: Path, store: Path) -> None:
    """Refuse whatever is no run and no sweep of the store.

    Args:
        folder: The folder, as `folder_of` gives it.
        store: The store.

    Raises:
        RunCorruptError: It holds no record, nor what is left of a run.
        StoreError: It is a link, no folder, or lies elsewhere.
    """
    if os.path.realpath(folder.parent) != os.path.realpath(store):
        raise StoreError(
            f"{folder} is not in the store {store}, and only runs of a store are removed.",
            hint="Name its store with --store or TASKS_STORE.",
        )
    try:
        found = os.lstat(folder)
    except OSError as error:
        raise store_error("remove", folder, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise StoreError(f"{folder} is a symbolic link; remove it by hand.")
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{folder} is no folder, so it is no run.")
    if not any(kind_of(folder, name) == "file" for name in _RECORDS) and not _is_left_of_a_run(
        folder
    ):
        raise RunCorruptError(
            f"{folder} holds neither {' nor '.join(_RECORDS)}, so it is no run; it is left alone."
        )
    if not is_generated(folder.name):
        # A folder of another name has to prove that it is a run.
        read_record(RunLayout(folder).record)


def remove_runs(folders: Sequence[Path], store: Path) -> None:
    """Remove runs and sweeps for good, also damaged ones. All are checked, and none is running, before the first goes.

    Args:
        folders: Their folders, as `folder_of` gives them.
        store: The store that they lie in.

    Raises:
        StoreLockedError: One of them is running.
        StoreError: One of them is no run of the store, or cannot be removed.
    """
    folders = list(dict.fromkeys(folders))
    for folder in folders:
        check_removable(folder, store)
    trash = _trash_of(store)
    with contextlib.ExitStack() as locks:
        for folder in folders:
            lock = RunLayout(folder).lock
            # A link or a pipe in its place was never held by a run.
            if kind_of(folder, lock.name) in ("file", "missing"):
                locks.callback(acquire(lock).release)
        for folder in folders:
            _remove(folder, trash)


def _remove(folder: Path, trash: Path) -> None:
    try:
        doomed = _free_name(trash, folder.name)
        replace(folder, doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise store_error("remove", folder, error) from error


def _trash_of(store: Path) -> Path:
    """Return the trash of a store, which is made if it is missing."""
    trash = store / TRASH
    try:
        trash.mkdir(exist_ok=True)
        is_folder = stat.S_ISDIR(os.lstat(trash).st_mode)
    except OSError as error:
        raise store_error("make", trash, error) from error
    if not is_folder:
        raise StoreError(f"{trash} is a link; what is removed would be moved elsewhere.")
    return trash


def _free_name(trash: Path, name: str) -> Path:
    free, number = trash / name, 1
    while os.path.lexists(free):
        number += 1
        free = trash / f"{name}.{number}"
    return free


def _is_left_of_a_run(folder: Path) -> bool:
    """Return whether a folder holds a config, and nothing that a run would not hold."""
    try:
        entries = list_folder(folder)
    except (OSError, RunCorruptError):
        return False
    return entries.get("config.toml") == "file" and all(map(is_of_a_run, entries))
