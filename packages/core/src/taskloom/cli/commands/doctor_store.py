"""Facts of `tasks doctor` about the run store; a file that is written as a trial is removed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from taskloom.cli.commands.doctor_checks import Fact
from taskloom.errors import StoreError
from taskloom.runs.layout import default_store
from taskloom.runs.run import scan
from taskloom.system.machine import mount_type

_AREA = "store"
_LEAST_BYTES = 200 * 2**20
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
    else:
        yield Fact(_AREA, "runs", "note", "no store yet; the first run makes it")


def _trials(folder: Path) -> Iterator[Fact]:
    try:
        handle, name = tempfile.mkstemp(prefix=".tasks-doctor-", dir=folder)
    except OSError as error:
        yield Fact(_AREA, "writable", "wrong", f"{folder}: {error.strerror}", _ELSEWHERE)
        return
    try:
        yield Fact(_AREA, "writable", "ok", "yes")
        yield _locks(handle)
        yield _replaces(Path(name))
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(name)


def _locks(handle: int) -> Fact:
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError) as error:
        text = f"this file system has no working locks ({error}); a crashed run cannot be told from a running one"
        return Fact(_AREA, "locks", "wrong", text, _ELSEWHERE)
    return Fact(_AREA, "locks", "ok", "work")


def _replaces(path: Path) -> Fact:
    """Records are replaced by rename, so a rename over an existing file must work."""
    other = path.with_name(f"{path.name}.new")
    try:
        other.write_text("new", encoding="utf-8")
        os.replace(other, path)
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
    for damage in corrupt:
        yield Fact(
            _AREA, "damaged run", "wrong", damage.message, "move its folder out of the store"
        )
