"""Facts of `tasks doctor` about the run store; a file that is written as a trial is removed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from taskloom.cli.commands.doctor_checks import Fact
from taskloom.errors import StoreError, TaskloomError
from taskloom.runs.layout import default_store
from taskloom.runs.run import scan
from taskloom.runs.settings import NAME as SETTINGS
from taskloom.system.files import replace
from taskloom.system.machine import mount_type

_AREA = "store"
_LEAST_BYTES = 200 * 2**20
_ASK = """
import os, sys, filelock
print(filelock.lock_descriptor(os.open(sys.argv[1], os.O_RDWR), blocking=False))
"""
# What a store keeps beside its runs; `tasks runs prune` empties them.
_KEPT = (".code", ".trash", ".cache", ".claims")
_ELSEWHERE = "choose another with --store or TASKS_STORE"


def store_facts(option: Path | None) -> Iterator[Fact]:
    """Look at the store: where it is, whether it can be written and locked, what it holds, and the space left."""
    store = default_store(option)
    yield Fact(_AREA, "folder", "ok", str(store.absolute()))
    existing = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    if not existing.is_dir():
        yield Fact(_AREA, "writable", "wrong", f"{existing} is not a folder", _ELSEWHERE)
        return
    yield Fact(_AREA, "file system", "ok", mount_type(existing) or "unknown")
    yield from _trials(existing)
    yield _space(existing)
    if store.is_dir():
        yield from _contents(store)
        yield from _sizes(store)
    else:
        yield Fact(_AREA, "runs", "note", "no store yet; the first run makes it")


def _trials(folder: Path) -> Iterator[Fact]:
    try:
        place = Path(tempfile.mkdtemp(prefix=".tasks-doctor-", dir=folder))
    except OSError as error:
        yield Fact(_AREA, "writable", "wrong", f"{folder}: {error.strerror}", _ELSEWHERE)
        return
    try:
        yield Fact(_AREA, "writable", "ok", "yes")
        yield _locks(place / "lock")
        yield _replaces(place / "file")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _locks(path: Path) -> Fact:
    """Hold a lock here and let another process ask for it; other machines cannot be asked."""
    try:
        from taskloom.runs.locks import acquire

        held = acquire(path)
    except (ImportError, TaskloomError) as error:
        return Fact(_AREA, "locks", "wrong", f"cannot be taken: {error}", _ELSEWHERE)
    try:
        if held.kind == "lease":
            text = "leases; a run on another machine shows `running?` for a minute until it is known to live"
            return Fact(_AREA, "locks", "note", text)
        command = [sys.executable, "-c", _ASK, str(path)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Fact(
            _AREA, "locks", "note", f"work in one process; no other could be asked: {error}"
        )
    finally:
        held.release()
    if told.stdout.strip() == "False":
        return Fact(_AREA, "locks", "ok", "exclude other processes of this machine")
    text = "two processes held one lock at a time"
    remedy = f'write `locks = "lease"` into {path.parent.parent / SETTINGS}, or {_ELSEWHERE}'
    return Fact(_AREA, "locks", "wrong", text, remedy)


def _replaces(path: Path) -> Fact:
    """Records are replaced by rename, so a rename over an existing file must work."""
    other = path.with_name(f"{path.name}.new")
    try:
        path.write_text("old", encoding="utf-8", newline="\n")
        other.write_text("new", encoding="utf-8", newline="\n")
        replace(other, path)
        if path.read_text(encoding="utf-8") != "new":
            return Fact(
                _AREA, "renames", "wrong", "a renamed file keeps its old content", _ELSEWHERE
            )
    except OSError as error:
        return Fact(_AREA, "renames", "wrong", f"do not work: {error.strerror}", _ELSEWHERE)
    return Fact(_AREA, "renames", "ok", "work")


def _space(folder: Path) -> Fact:
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free"
    if free < _LEAST_BYTES:
        return Fact(_AREA, "disk", "wrong", text, f"free some space, or {_ELSEWHERE}")
    return Fact(_AREA, "disk", "ok", text)


def _sizes(store: Path) -> Iterator[Fact]:
    """Say how much a store keeps beside its runs."""
    for name in _KEPT:
        files = 0
        size = 0
        for folder, _, names in os.walk(store / name):
            for file in names:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(folder, file)).st_size
                    files += 1
        if files:
            yield Fact(_AREA, name, "ok", f"{size / 2**20:.1f} MiB in {files} files")


def _contents(store: Path) -> Iterator[Fact]:
    try:
        runs, corrupt = scan(store)
    except StoreError as error:
        yield Fact(_AREA, "runs", "wrong", error.message, _ELSEWHERE)
        return
    counts = Counter(run.status for run in runs)
    text = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    yield Fact(_AREA, "runs", "ok", text or "none")
    for run in runs:
        if run.status == "crashed":
            yield Fact(_AREA, run.id, "note", "crashed", f"continue it with: tasks resume {run.id}")
        elif run.status == "running?":
            text = "not known to be alive; look again in a minute"
            yield Fact(_AREA, run.id, "note", text, f"if it is dead: tasks runs release {run.id}")
    for damage in corrupt:
        yield Fact(
            _AREA,
            "damaged run",
            "wrong",
            f"{damage.folder}: {damage.reason}",
            "move its folder out of the store",
        )
