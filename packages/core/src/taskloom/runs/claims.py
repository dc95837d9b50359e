"""Claims: at one time one process of a store computes one identity.

    with take(store, identity) as claim:    # None while another process computes it
        ...

The protocol is: look up, claim, look up again, compute. A claim is an exclusive lock on `STORE/.claims/<identity>`, which the
death of its holder frees. The file stays: unlinking a locked file would let two processes hold it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from taskloom.errors import RunCorruptError, StoreError, StoreLockedError
from taskloom.records.documents import read_object
from taskloom.runs.holders import probe
from taskloom.runs.locks import Held, acquire
from taskloom.runs.writer import store_error
from taskloom.system.machine import host_name

FOLDER = ".claims"
_DAY = 86400.0  # [s]


@dataclass(frozen=True, slots=True)
class Holder:
    """Process that computes an identity.

    Attributes:
        pid: Its number; 0 where it is unknown.
        host: Its machine; or empty.
        run: The id of its run; empty before the run has a folder.
    """

    pid: int = 0
    host: str = ""
    run: str = ""

    def __str__(self) -> str:
        process = f"process {self.pid} on {self.host}" if self.pid else "another process"
        return f"{process} (run {self.run})" if self.run else process


@dataclass(slots=True)
class Claim:
    """Right to compute one identity, held until `release` or the death of this process.

    Attributes:
        path: The lock file.
        is_first: Whether it was never claimed before, so that a look-up made before the claim still holds.
    """

    path: Path
    is_first: bool
    _lock: Held = field(repr=False)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def name(self, run: str) -> None:
        """Note the run that computes it, for those who wait."""
        _note(self.path, run)

    def release(self) -> None:
        """Let others compute it; a second call does nothing."""
        self._lock.release()


def take(store: Path, identity: str, *, told: Callable[[str], None] | None = None) -> Claim | None:
    """Claim an identity; None while another process, or another thread of this one, computes it.

    Args:
        store: The store.
        identity: What is to be computed.
        told: As for `taskloom.runs.locks.acquire`.

    Raises:
        StoreError: The store cannot be written.
    """
    path = claim_path(store, identity)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store_error("claim a run in", store, error) from error
    if path.parent.is_symlink():
        raise StoreError(f"{path.parent} is a link; a run would be claimed elsewhere.")
    try:
        lock = acquire(path, patience=0.0, told=told)
    except StoreLockedError:
        return None
    try:
        # Each holder leaves its note before it looks up again: no note means that none was here.
        is_first = not _note_path(path).exists()
        _note(path, "")
    except BaseException:
        lock.release()
        raise
    return Claim(path, is_first, lock)


def holder(store: Path, identity: str) -> Holder | None:
    """Return the process that computes an identity now; None if there is none."""
    path = claim_path(store, identity)
    if not path.exists() or probe(path) == "dead":
        return None
    try:
        told = read_object(path.parent, _note_path(path).name)
        return Holder(int(told["pid"]), str(told["host"]), str(told["run"]))
    except (RunCorruptError, ValueError, KeyError, TypeError):
        return Holder()


def clear(store: Path, age: float = _DAY) -> int:
    """Remove the claims that are free and older than an age [s], each under its own lock; return how many there were."""
    return sum(_remove(path, age) for path in list(_claims(store)))


def claim_path(store: Path, identity: str) -> Path:
    """Return the lock file of an identity."""
    return store / FOLDER / identity


def _claims(store: Path) -> Iterator[Path]:
    folder = store / FOLDER
    with contextlib.suppress(OSError):
        for path in () if folder.is_symlink() else folder.iterdir():
            if path.suffix != ".json":
                yield path


def _remove(path: Path, age: float) -> bool:
    with contextlib.suppress(OSError, StoreError):
        if time.time() - path.stat().st_mtime < age:
            return False
        lock = acquire(path, patience=0.0)
        try:
            _note_path(path).unlink(missing_ok=True)
            path.unlink()
        finally:
            lock.release()
        return True
    return False


def _note_path(path: Path) -> Path:
    # Beside the lock: some implementations of locks empty the file that they try.
    return path.with_name(f"{path.name}.json")


def _note(path: Path, run: str) -> None:
    """Write who holds a claim; it only informs, so it need not survive a power cut."""
    text = json.dumps({"pid": os.getpid(), "host": host_name(), "run": run})
    target = _note_path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise store_error("claim a run in", path.parent.parent, error) from error
