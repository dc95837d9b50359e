"""Is the run alive? A lock that the dead release answers on the same machine, and a heartbeat on every other one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from taskloom.errors import StoreLockedError
from taskloom.runs.writer import store_error
from taskloom.system.files import is_flocked, open_plain, write_at
from taskloom.system.machine import host_name
from taskloom.system.processes import after_fork_in_child

HEARTBEAT_PERIOD = 20.0  # [s]
_MISSED = 3  # heartbeats after which a run on another machine counts as dead
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}


def machine() -> str:
    """Return what distinguishes this running kernel from every other: locks are reliable between its processes."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return host_name()


class RunLock:
    """The exclusive lock of one run, held until `release` or the death of the process.

    The kernel releases a `flock` when the last copy of its descriptor closes. A forked child (a data loader's worker) holds a
    copy, so each child closes its own at once: otherwise an orphan would keep a dead run looking alive.

    Args:
        path: The lock file; created if missing, never removed.
        patience: How long to wait for a holder [s]; probes hold the lock for an instant.

    Raises:
        StoreLockedError: Another process holds the lock.
        StoreError: The file cannot be written.
    """

    def __init__(self, path: Path, patience: float = 0.5) -> None:
        self._path = path
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise store_error("lock", path, error) from error
        self.has_locks = True
        try:
            self._acquire(time.monotonic() + patience)
            self._sign()
        except OSError as error:
            self._close()
            raise store_error("lock", path, error) from error
        except StoreLockedError:
            self._close()
            raise
        _held.add(self)
        self._stop = threading.Event()
        threading.Thread(target=self._beat, name="taskloom-heartbeat", daemon=True).start()

    def release(self) -> None:
        """Let the lock go; a second call does nothing."""
        self._stop.set()
        _held.discard(self)
        self._close()

    def _acquire(self, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    self._acquire_without_locks()
                    return
                if error.errno not in _BUSY:
                    raise
            if time.monotonic() >= deadline:
                raise self._locked_error()
            time.sleep(0.02)

    def _acquire_without_locks(self) -> None:
        self.has_locks = False
        holder = read_holder(self._path)
        if holder.get("alive") and _is_beating(self._path):
            raise self._locked_error()

    def _locked_error(self) -> StoreLockedError:
        holder = read_holder(self._path)
        who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
        return StoreLockedError(
            f"The run {self._path.parent.name} is held by {who}.",
            hint="Wait for it to end, or stop that process.",
        )

    def _sign(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": host_name(),
            "machine": machine(),
            "locks": self.has_locks,
            "alive": True,
        }
        os.ftruncate(self._descriptor, 0)
        write_at(self._descriptor, json.dumps(holder).encode(), 0)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_PERIOD):
            try:
                os.utime(self._path)
            except OSError:
                continue  # a file server that hiccups; the next beat may succeed

    def _close(self) -> None:
        if self._descriptor < 0:
            return
        if not self.has_locks:
            # Nothing is released by the kernel here, so the signature has to say that we left.
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1

    def _abandon(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_held: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _abandon_all() -> None:
    for lock in list(_held):
        lock._abandon()


after_fork_in_child(_abandon_all)


def read_holder(path: Path) -> dict[str, Any]:
    """Return what the last holder of the lock wrote about itself; empty if nothing can be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def is_alive(path: Path) -> bool:
    """Return whether a process holds the lock.

    On the machine of the holder the kernel knows. On any other one, and where the file system has no locks, the holder's last
    heartbeat must be younger than three periods.
    """
    holder = read_holder(path)
    if not holder:
        # Never signed, or signed off. An empty file may also be one that is being signed this very instant.
        return _is_locked(path) is True
    if holder.get("machine") == machine() and holder.get("locks"):
        locked = _is_locked(path)
        if locked is not None:
            return locked
    return _is_beating(path)


def _is_locked(path: Path) -> bool | None:
    """Ask the kernel; None where it cannot tell."""
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return is_flocked(descriptor)
    finally:
        os.close(descriptor)


def _is_beating(path: Path) -> bool:
    # A heartbeat from the future is a clock that disagrees, which is no proof of death.
    try:
        return time.time() - path.stat().st_mtime < _MISSED * HEARTBEAT_PERIOD
    except OSError:
        return False
