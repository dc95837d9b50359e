"""Ids, and every path in a store and in a run folder. No user text ever becomes a path without passing through here."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from taskloom.errors import StoreError
from taskloom.system.files import unportable

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without 0, 1, l, o, which read alike
_PART_LIMIT = 200


def default_store(option: Path | None = None) -> Path:
    """Return the store to use, absolute: the option, else the environment variable `TASKS_STORE`, else `./runs`.

    It is resolved once, against the working directory when a command begins: a task that changes directory moves no record.

    Raises:
        StoreError: It holds a zero byte, which no path may.
    """
    store = Path.cwd() / (option if option is not None else os.environ.get("TASKS_STORE") or "runs")
    if "\0" in str(store):
        raise StoreError(f"The store {str(option)!r} holds a zero byte, which no path may.")
    return store


def new_id(*words: str, now: float | None = None) -> str:
    """Return a fresh id: a UTC time that sorts, a readable middle, and a random end.

    Two ids of one second differ by their random end (32**6, a thousand million values), so a clock that jumps back is harmless.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    middle = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:100].strip("-")
    end = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return "-".join(part for part in (stamp, middle, end) if part)


@dataclass(frozen=True, slots=True)
class RunLayout:
    """Every path of one run.

    Attributes:
        dir: The run's folder.
    """

    dir: Path

    @property
    def record(self) -> Path:
        """Status, config and result; replaced atomically."""
        return self.dir / "run.json"

    @property
    def config(self) -> Path:
        """The config as TOML; feed it back with `--config` to repeat the run."""
        return self.dir / "config.toml"

    @property
    def environment(self) -> Path:
        """Python, platform, distributions and git."""
        return self.dir / "env.json"

    @property
    def patch(self) -> Path:
        """The uncommitted difference of the user's repository."""
        return self.dir / "source.patch"

    @property
    def metrics(self) -> Path:
        """Metric lines, append-only."""
        return self.dir / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """Log records, append-only."""
        return self.dir / "log.jsonl"

    @property
    def output(self) -> Path:
        """Output of the task and its children."""
        return self.dir / "output.txt"

    @property
    def checkpoints(self) -> Path:
        """Published checkpoints, one folder each."""
        return self.dir / "checkpoints"

    @property
    def artifacts(self) -> Path:
        """Files that the task left."""
        return self.dir / "artifacts"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.dir / "report.html"

    @property
    def code(self) -> Path:
        """Copy of the code of a task that is not installed."""
        return self.dir / "code"

    @property
    def lock(self) -> Path:
        """Held while the run is alive."""
        return self.dir / "lock"

    @property
    def stop(self) -> Path:
        """A file whose presence asks the run to stop, as SIGTERM does."""
        return self.dir / "stop"


def inside(root: Path, name: str) -> Path:
    """Return `root/name`, refusing every name that leads out of the root.

    Args:
        root: A folder.
        name: A relative name with `/` between folders.

    Raises:
        StoreError: The name is empty, absolute, climbs with `..`, holds control characters, or passes through a symbolic
            link that leaves the root.
    """
    parts = PurePosixPath(name).parts
    printable = name.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in name)
    plain = printable and "\\" not in name and not name.startswith("/")
    if not plain or not parts or ".." in parts:
        raise StoreError(f"{name!r} is not a relative name inside the run folder.")
    if any(len(part.encode()) > _PART_LIMIT for part in parts):
        raise StoreError(f"The name {name[:40]!r}... is longer than {_PART_LIMIT} bytes.")
    candidate = root.joinpath(*parts)
    if not candidate.resolve().is_relative_to(root.resolve()):
        raise StoreError(f"{name!r} leads out of {root} through a symbolic link.")
    return candidate


def fresh(root: Path, name: str, known: Mapping[str, str]) -> Path:
    """Return `root/name` for a file that is to be made: inside the root, and named as every system allows.

    Args:
        root: A folder.
        name: A relative name with `/` between folders.
        known: The names that were given before, by their case-folded form.

    Raises:
        StoreError: As `inside` does; or some system refuses a part of the name, or cannot tell it from one given before.
    """
    path = inside(root, name)
    for part in PurePosixPath(name).parts:
        if reason := unportable(part):
            raise StoreError(f"The name {name!r} is not allowed: {part!r} {reason}.")
    same = known.get(name.casefold(), name)
    if same != name:
        raise StoreError(
            f"The names {same!r} and {name!r} differ only in case: on macOS and Windows they are one file."
        )
    return path
