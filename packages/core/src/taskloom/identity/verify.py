"""Comparison of the code and packages of a recorded run with those of now."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.identity.absent import is_compiled, is_importable
from taskloom.identity.code import (
    CELL,
    Code,
    CodeFile,
    cell_digest,
    loaded_digest,
    place_of,
    read_code,
)
from taskloom.identity.filecache import FileCache, by_time, is_by_time
from taskloom.identity.machine import GivenDevices, device_now, python_version
from taskloom.identity.packages import recorded_only
from taskloom.identity.records import Pair, Reason
from taskloom.identity.sources import is_cosmetic, kept_source
from taskloom.registry.entries import Given
from taskloom.runs.provenance import installed_distributions
from taskloom.runs.run import Run

_SHOWN = 4


def changed_program(  # noqa: PLR0917 -- what is compared, and where it lies now
    run: Run,
    store: Path,
    files: FileCache,
    cwd: Path | None = None,
    devices: GivenDevices | None = None,
    given: Given | None = None,
    *,
    told: Collection[str] = (),
) -> list[Reason]:
    """Return in what the code and the packages of a run differ from those of now.

    Args:
        run: The run, finished or not; one that never began has no code to compare.
        store: The store that keeps sources.
        files: The digests that are known.
        cwd: The folder against which relative paths count now; that of the run by default.
        devices: The devices that a run of now is given; those of the run by default.
        given: Place of the task that is asked for now, if it is not installed.
        told: Paths of inputs that are known to have changed: data beside the code may be one, and is one difference.
    """
    try:
        code = read_code(run.dir)
    except RunCorruptError as error:
        return [Reason("code", f"the code of {run.id} is not known: {error.message}")]
    if code is None:
        missing = f"the code of {run.id} is not known: code.json is missing"
        return [Reason("code", missing)] if run.record.attempts else []
    changed = [
        row
        for row in code.files
        if not is_same(row, store, files, given) and str(place_of(row, given)) not in told
    ]
    device = device_now(code.device, code.could, run.record.resources.gpus, devices)
    reasons = code_reasons(run, code, changed, files, cwd, given)
    return [*reasons, *changed_packages(code, store, device)]


def code_reasons(  # noqa: PLR0917 -- what is compared, and where it lies now
    run: Run,
    code: Code,
    changed: list[CodeFile],
    files: FileCache,
    cwd: Path | None = None,
    given: Given | None = None,
) -> list[Reason]:
    """Return the sentences about code that changed, and about files that the code reads.

    Args:
        run: The run.
        code: Its code.
        changed: The files of it that are not as they were.
        files: The digests that are known.
        cwd: The folder against which relative paths count now; that of the run by default.
        given: Place of the task that is asked for now, if it is not installed.
    """
    found = []
    if changed:
        pairs = [(row.file, row.sha256, _now(row, files, given)) for row in changed]
        found.append(_reason("code changed", run, [row.file for row in changed], pairs))
    here = str(cwd or run.record.cwd)
    now = {path: _digest(os.path.join(here, path), files) for path in code.opened}
    read = [(path, sha, now[path]) for path, sha in code.opened.items() if now[path] != sha]
    if read:
        names = [os.path.basename(path) for path, _, _ in read]
        found.append(_reason("files that the code reads changed", run, names, read))
    return found


def _reason(told: str, run: Run, names: list[str], pairs: list[Pair]) -> Reason:
    counted = f"{len(names)} {'file' if len(names) == 1 else 'files'} ({listed(names)})"
    return Reason("code", f"{told} since {run.id}: {counted}", f"{told}: {counted}", tuple(pairs))


def _now(row: CodeFile, files: FileCache, given: Given | None) -> str:
    if row.root == CELL:
        return cell_digest(given) if given is not None else ""
    path = place_of(row, given)
    return (current_digest(path, row, files) if path else None) or ""


def is_same(row: CodeFile, store: Path, files: FileCache, given: Given | None = None) -> bool:
    """Return whether a recorded file of code is now as it was, or differs in its layout alone."""
    try:
        return _is_same(row, store, files, given)
    except (OSError, ValueError):  # a record may name what no file can be called
        return False


def _is_same(row: CodeFile, store: Path, files: FileCache, given: Given | None) -> bool:
    if row.root == CELL:
        return _is_same_cell(row, store, given)
    path = place_of(row, given)
    if path is None:
        return False
    if not row.sha256:
        return not is_importable(str(path.with_suffix("")))
    if row.file.endswith(".py") and _is_hidden(path):
        return False
    now = current_digest(path, row, files)
    if now is None or now == row.sha256:
        return now is not None
    before = kept_source(store, row.sha256) if row.file.endswith(".py") else None
    if before is None or loaded_digest(str(path)) is not None:
        after = kept_source(store, now)
    else:
        after = path.read_bytes()
    return before is not None and after is not None and is_cosmetic(before, after)


def _is_hidden(path: Path) -> bool:
    """Return whether an import would take something else than a source: a package or a compiled module of the same name."""
    module = path.with_suffix("")
    return (module / "__init__.py").exists() or is_compiled(str(module))


def _is_same_cell(row: CodeFile, store: Path, given: Given | None) -> bool:
    if given is None or cell_digest(given) == row.sha256:
        return True  # without a session there is nothing to compare with: the run keeps its source
    before = kept_source(store, row.sha256)
    return before is not None and is_cosmetic(before, given.source.encode())


def current_digest(path: Path, row: CodeFile, files: FileCache) -> str | None:
    """Return the digest of a file as this process loaded it, else as it is on disk; None if it is gone."""
    loaded = loaded_digest(str(path))
    if loaded is not None:
        return loaded
    try:
        found = os.stat(path)
        if is_by_time(row.sha256):
            return by_time(found)
        return files.digest(path, found)
    except (OSError, ValueError):
        return None


def changed_packages(code: Code, store: Path, device: str) -> Iterator[Reason]:
    """Yield a reason for Python, the device and each counted package whose version is not that of now.

    Args:
        code: The code of a run.
        store: The store, which may say that some packages do not count.
        device: The kind of device that a run of now would use.
    """
    installed = installed_distributions(sys.path) if code.packages else {}
    uncounted = recorded_only(store)
    changes = [("Python", code.python, python_version()), ("device", code.device, device)]
    changes += [
        (name, before, installed.get(name, ""))
        for name, before in code.packages.items()
        if name not in uncounted
    ]
    for name, before, now in changes:
        if now != before:
            told = f"{name} {before} -> {now or 'not installed'}"
            yield Reason("packages", told, told, ((name, before, now),))


def _digest(path: str, files: FileCache) -> str:
    try:
        return files.digest(Path(path))
    except (OSError, ValueError):
        return ""


def listed(names: list[str]) -> str:
    """Return the first of some names, and a mark for the others."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
