"""Removal of what a store keeps beside its runs and can do without: old sources, removed runs, caches, free claims."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.identity.code import read_code
from taskloom.identity.sources import FOLDER as CODE
from taskloom.records.folders import run_names
from taskloom.runs import claims

_DAY = 86_400.0  # [s]; a run that begins just now writes its sources before it names them
_WHOLE = (".trash", ".cache")


@dataclass(frozen=True, slots=True)
class Pruned:
    """Account of the removals in one folder of a store.

    Attributes:
        name: The folder.
        files: Number of files.
        size: Their size [bytes].
    """

    name: str
    files: int
    size: int


def prune(store: Path, *, dry: bool = False) -> list[Pruned]:
    """Remove the sources that no run names, the runs that were removed, the caches, and the claims that nothing holds.

    Links are not followed. What is locked or gone meanwhile is left alone.

    Args:
        store: The store.
        dry: Remove nothing, and only count.

    Raises:
        StoreError: The store cannot be read.
    """
    found = [_counted(CODE, list(_unnamed_sources(store)), dry=dry)]
    for name in _WHOLE:
        folder = store / name
        files = [] if folder.is_symlink() else list(_files(folder))
        found.append(_counted(name, files, dry=dry))
        if files and not dry:
            shutil.rmtree(folder, ignore_errors=True)
    # A claim is removed under its own lock, so how many can be is known only afterwards.
    found.append(Pruned(claims.FOLDER, 0 if dry else claims.clear(store), 0))
    return found


def _unnamed_sources(store: Path) -> Iterator[Path]:
    if (store / CODE).is_symlink():
        return
    named: set[str] = set()
    for run in run_names(store):
        try:
            code = read_code(store / run)
        except RunCorruptError:
            continue
        named |= {row.sha256 for row in code.files} if code else set()
    for path in _files(store / CODE):
        try:
            is_old = time.time() - path.lstat().st_mtime > _DAY
        except OSError:
            continue
        if path.name not in named and is_old:
            yield path


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _counted(name: str, files: list[Path], *, dry: bool) -> Pruned:
    count = size = 0
    for path in files:
        try:
            size += path.lstat().st_size
            if not dry:
                path.unlink()
        except OSError:
            continue
        count += 1
    return Pruned(name, count, size)
