"""Checkpoints that either verify or do not exist: written aside, hashed, and published by one rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import taskloom
from taskloom.errors import RunCorruptError, StoreError, UsageError
from taskloom.runs.writer import decode_number, read_json, store_error
from taskloom.system.files import fsync_folder, replace

MANIFEST = "manifest.json"
KEEP = 3
FORMAT = 1
_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that has been published.

    Attributes:
        dir: Its folder.
        step: The step it was taken at.
    """

    dir: Path
    step: int


def published(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a run by step, the oldest first, verified or not."""
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunCorruptError(f"Cannot read {folder}: {error.strerror}.") from error
    found = [
        Checkpoint(entry, int(entry.name))
        for entry in entries
        if entry.name.isascii()
        and entry.name.isdigit()
        and entry.is_dir()
        and not entry.is_symlink()
    ]
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def newest_good(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint whose hashes verify; damaged ones are skipped with a warning."""
    for checkpoint in reversed(published(folder)):
        try:
            verify(checkpoint.dir)
        except RunCorruptError as error:
            _log.warning("skipped the checkpoint of step %d: %s", checkpoint.step, error)
            continue
        return checkpoint
    return None


def verify(folder: Path) -> dict[str, Any]:
    """Compare every file of a checkpoint with its manifest and return the manifest.

    Raises:
        RunCorruptError: A file is missing, changed, unexpected, or no plain file inside the folder.
    """
    manifest = read_json(folder / MANIFEST)
    files = manifest.get("files")
    if manifest.get("format") != FORMAT or not isinstance(files, dict):
        raise RunCorruptError(f"{folder / MANIFEST} is no checkpoint manifest.")
    present = set(_walk(folder)) - {MANIFEST}
    if present != set(files):
        odd = sorted(present ^ set(files))[0]
        raise RunCorruptError(f"{folder} and its manifest disagree about the file {odd!r}.")
    for name, expected in files.items():
        if _describe(folder / name) != expected:
            raise RunCorruptError(f"{folder / name} is not what its manifest says.")
    return manifest


@contextmanager
def publish(folder: Path, step: int, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Yield an empty folder; on leaving, hash its files and publish it as the checkpoint of `step`.

    If the block raises, nothing is published.

    Args:
        folder: The run's checkpoint folder.
        step: The step; a checkpoint that exists for it is replaced.
        facts: What else the manifest records, such as the task's version.

    Raises:
        StoreError: The step is negative, a file is no plain file, or the disk refuses.
    """
    if isinstance(step, bool) or step < 0:
        raise StoreError(f"A checkpoint's step is an integer >= 0, not {step!r}.")
    temporary = folder / f".tmp-{step}-{os.getpid()}"
    try:
        folder.mkdir(exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
    except OSError as error:
        raise store_error("write", temporary, error) from error
    try:
        yield temporary
        try:
            _seal(temporary, step, facts)
            _rename(temporary, folder / f"{step:06d}")
        except OSError as error:
            raise store_error("publish", folder / f"{step:06d}", error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Criterion:
    """Criterion of the best checkpoint: the one at which a logged metric was least, or greatest.

    Attributes:
        metric: The metric's name.
        is_max: Whether the greatest value is the best.
    """

    metric: str
    is_max: bool = False

    @classmethod
    def parse(cls, text: str) -> Criterion:
        """Read `NAME:min` or `NAME:max`.

        Raises:
            UsageError: It is neither.
        """
        name, _, direction = text.rpartition(":")
        if not name or direction not in ("min", "max"):
            raise UsageError(
                f"--keep-best is {text!r}; write it as METRIC:min or METRIC:max, for instance loss:min."
            )
        return cls(name, direction == "max")

    def best(self, found: Sequence[Checkpoint]) -> Checkpoint | None:
        """Return the best checkpoint, the earliest of equals; None if the metric was at none of them."""
        values = [(checkpoint, self._value(checkpoint)) for checkpoint in found]
        known = [(value, checkpoint) for checkpoint, value in values if value is not None]
        if not known:
            return None
        pick = max if self.is_max else min
        return pick(known, key=lambda item: item[0])[1]

    def _value(self, checkpoint: Checkpoint) -> float | None:
        try:
            value = read_json(checkpoint.dir / MANIFEST).get("criterion")
        except StoreError:
            return None
        if not isinstance(value, dict) or value.get("metric") != self.metric:
            return None
        number = decode_number(value.get("value"))
        return None if number is None or math.isnan(number) else number


def prune(folder: Path, keep: int = KEEP, criterion: Criterion | None = None) -> None:
    """Remove all but the newest checkpoints and the best one, and what dead writers left behind."""
    found = published(folder)
    best = criterion.best(found) if criterion else None
    for checkpoint in found[:-keep]:
        if checkpoint == best:
            continue
        # Renamed first: a folder that is half removed must not look like a checkpoint.
        doomed = folder / f".old-{checkpoint.dir.name}"
        with contextlib.suppress(OSError):
            replace(checkpoint.dir, doomed)
            shutil.rmtree(doomed)


def sweep_leftovers(folder: Path) -> None:
    """Remove the unfinished folders of writers that died; only the holder of the run's lock may call this."""
    with contextlib.suppress(FileNotFoundError):
        for entry in folder.iterdir():
            if entry.name.startswith((".tmp-", ".old-")):
                shutil.rmtree(entry, ignore_errors=True)


def _seal(folder: Path, step: int, facts: Mapping[str, Any]) -> None:
    files = {name: _describe(folder / name, sync=True) for name in sorted(_walk(folder))}
    manifest = {
        "format": FORMAT,
        "step": step,
        **facts,
        "versions": {"python": platform.python_version(), "taskloom": taskloom.__version__},
        "files": files,
    }
    path = folder / MANIFEST
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(manifest, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    for parent in {(folder / name).parent for name in files} | {folder}:
        fsync_folder(parent)


def _rename(temporary: Path, target: Path) -> None:
    if target.exists():
        aside = target.with_name(f".old-{target.name}")
        shutil.rmtree(aside, ignore_errors=True)
        replace(target, aside)
        replace(temporary, target)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        replace(temporary, target)
    fsync_folder(target.parent)


def _walk(folder: Path) -> Iterator[str]:
    """Yield the names of all files below the folder; anything but plain files and folders is refused."""
    for parent, folders, files in os.walk(folder, followlinks=False):
        for name in [*folders, *files]:
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise RunCorruptError(
                    f"{path} is no plain file; a checkpoint holds only plain files."
                )
        for name in files:
            yield str(PurePosixPath(Path(parent, name).relative_to(folder)))


def _describe(path: Path, *, sync: bool = False) -> dict[str, Any]:
    """Return size and hash of one file, and make it durable if asked to."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        if sync:
            raise
        raise RunCorruptError(f"Cannot read {path}: {error.strerror}.") from error
    return {"size": size, "sha256": digest.hexdigest()}
