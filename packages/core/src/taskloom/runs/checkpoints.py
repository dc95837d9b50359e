"""Checkpoints that either verify or do not exist: written aside, hashed, and published by one rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import taskloom
from taskloom.errors import RunCorruptError, StoreError, UsageError
from taskloom.records.checks import decode_number, read_integer
from taskloom.records.documents import read_object
from taskloom.records.files import damage, list_folder, open_file, walk_files
from taskloom.runs.writer import store_error
from taskloom.system.files import fsync_folder, replace

MANIFEST = "manifest.json"
KEEP = 3
FORMAT = 1
_CHUNK = 1 << 20
_NAME = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that has been published.

    Attributes:
        dir: Its folder.
        step: The step it was taken at.
        edition: 1, or more for one that was published over another of the same step: `000000.2`.
    """

    dir: Path
    step: int
    edition: int = 1


def published(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a run by step, the oldest first and the last that counts, verified or not.

    Raises:
        RunCorruptError: The folder cannot be read, or is a link.
    """
    try:
        entries = list_folder(folder)
    except FileNotFoundError:
        return []
    found = []
    for name, kind in entries.items():
        match = _NAME.fullmatch(name)
        if match is not None and kind == "folder":
            found.append(Checkpoint(folder / name, int(match[1]), int(match[2] or 1)))
    return sorted(found, key=lambda checkpoint: (checkpoint.step, checkpoint.edition))


def step_of(folder: Path) -> int:
    """Return the step of a checkpoint by the name of its folder."""
    return int(folder.name.partition(".")[0])


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
    base, own = folder.parent, folder.name
    manifest = read_object(base, f"{own}/{MANIFEST}")
    files = manifest.get("files")
    if manifest.get("format") != FORMAT or not isinstance(files, dict):
        raise RunCorruptError(f"{folder / MANIFEST} is no checkpoint manifest.")
    present = set(walk_files(base, own)) - {MANIFEST}
    if present != set(files):
        odd = sorted(present ^ set(files))[0]
        raise RunCorruptError(f"{folder} and its manifest disagree about the file {odd!r}.")
    for name, expected in files.items():
        if _describe(base, f"{own}/{name}") != expected:
            raise RunCorruptError(f"{folder / name} is not what its manifest says.")
    return manifest


@contextmanager
def publish(
    folder: Path,
    step: int,
    facts: Mapping[str, Any],
    *,
    destination: Callable[[], Path] | None = None,
) -> Iterator[Path]:
    """Yield an empty folder; on leaving, hash its files and publish it as the checkpoint of `step`.

    If the block raises, nothing is published.

    Args:
        folder: The run's checkpoint folder.
        step: The step; a checkpoint that exists for it is removed when the new one is in place.
        facts: What else the manifest records, such as the task's version.
        destination: Asked directly before it is published: the folder that it goes to, if not `folder`.

    Raises:
        StoreError: The step is negative, a file is no plain file, or the disk refuses.
    """
    if isinstance(step, bool) or step < 0:
        raise StoreError(f"A checkpoint's step is an integer >= 0, not {step!r}.")
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link; checkpoints are written into the run's own folder.")
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
            _put(temporary, step, destination() if destination is not None else folder)
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
            manifest = read_object(checkpoint.dir.parent, f"{checkpoint.dir.name}/{MANIFEST}")
            value = manifest.get("criterion")
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
        _discard(checkpoint)


def sweep_leftovers(folder: Path) -> None:
    """Settle what writers that died have left; only the holder of the run's lock may call this.

    What verifies is kept: a checkpoint that was sealed and not yet published is published, and one that was set aside comes
    back if its step has no other. The rest is removed.
    """
    try:
        entries = list_folder(folder)
    except FileNotFoundError:
        return
    for name in sorted(entries):
        if not name.startswith((".tmp-", ".old-")):
            continue
        step = _sealed_step(folder / name)
        if step is not None and (name.startswith(".tmp-") or not _has_good(folder, step)):
            with contextlib.suppress(OSError):
                _put(folder / name, step, folder)
        elif entries[name] == "folder":
            shutil.rmtree(folder / name, ignore_errors=True)


def _sealed_step(folder: Path) -> int | None:
    """Return the step of a whole checkpoint, whatever its folder is called; None if it is not whole."""
    try:
        return read_integer(verify(folder), "step")
    except (RunCorruptError, KeyError, TypeError, ValueError):
        return None


def _has_good(folder: Path, step: int) -> bool:
    return any(
        checkpoint.step == step and _sealed_step(checkpoint.dir) == step
        for checkpoint in published(folder)
    )


def _seal(folder: Path, step: int, facts: Mapping[str, Any]) -> None:
    base, own = folder.parent, folder.name
    names = sorted(walk_files(base, own))
    files = {name: _describe(base, f"{own}/{name}", sync=True) for name in names}
    manifest = {
        "format": FORMAT,
        "step": step,
        **facts,
        "versions": {"python": platform.python_version(), "taskloom": taskloom.__version__},
        "files": files,
    }
    path = folder / MANIFEST
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(manifest, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    for parent in {(folder / name).parent for name in files} | {folder}:
        fsync_folder(parent)


def _put(sealed: Path, step: int, folder: Path) -> None:
    """Publish a sealed folder, then remove what it replaces.

    At every instant there is a whole checkpoint of the step: the new one takes a free name, and the highest edition counts.
    """
    older = [checkpoint for checkpoint in published(folder) if checkpoint.step == step]
    edition = max((checkpoint.edition for checkpoint in older), default=0) + 1
    plain = folder / f"{step:06d}"
    target = plain if edition == 1 else folder / f"{plain.name}.{edition}"
    replace(sealed, target)
    fsync_folder(folder)
    for checkpoint in older:
        _discard(checkpoint)
    if target != plain:
        with contextlib.suppress(OSError):
            replace(target, plain)
            fsync_folder(folder)


def _discard(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint; renamed first, because a folder that is half removed must not look like one."""
    doomed = checkpoint.dir.with_name(f".old-{checkpoint.dir.name}")
    with contextlib.suppress(OSError):
        shutil.rmtree(doomed, ignore_errors=True)
        replace(checkpoint.dir, doomed)
        shutil.rmtree(doomed)


def _describe(base: Path, name: str, *, sync: bool = False) -> dict[str, Any]:
    """Return size and hash of one file, and make it durable if asked to."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_file(base, name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        if sync:
            raise
        raise damage(base, name, error) from error
    return {"size": size, "sha256": digest.hexdigest()}
