"""Holders of locks: what they wrote about themselves, and whether they are alive. No lock is taken here.

probe(path)             # "alive", "dead" or "unknown"
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Literal

from taskloom.errors import ConfigError, StoreLockedError
from taskloom.runs.heartbeats import Liveness, observe
from taskloom.runs.settings import NAME, read_settings
from taskloom.system.files import is_flocked, open_regular
from taskloom.system.machine import boot_id, host_name, process_space
from taskloom.system.processes import is_running, started

Kind = Literal["native", "lease"]

LEASE = 60.0  # [s] that a marker or a heartbeat may stay unchanged
PERIOD = 0.02  # [s]
_INHERITED = 2.0  # [s] that a child of a killed holder may take to become its own program
_LONGEST = 4096  # [bytes]


def signature(kind: Kind, begins: str | None = None) -> bytes:
    """Return what this process writes about itself into a lock that it holds, and where its attempt begins, once it knows."""
    holder: dict[str, Any] = {
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "host": host_name(),
        "machine": boot_id() or host_name(),
        "space": process_space(),
        "kind": kind,
        "locks": kind == "native",
        "alive": True,
    }
    if begins is not None:
        holder["begins"] = begins
    return json.dumps(holder).encode()


def probe(path: Path) -> Liveness:
    """Return whether a process holds the lock.

    On the machine of the holder the kernel knows. On any other one, and where the file system has no locks, its heartbeat has
    to change while this machine observes it: `unknown` until that was seen, `dead` once it has not changed for `LEASE` seconds.
    """
    holder = read_holder(path)
    if lease_path(path).exists():
        return _probe_lease(path, holder)
    locked = is_locked(path)
    deadline = time.monotonic() + _INHERITED
    # A process that is killed while it starts another leaves its lock to the child, until that becomes its own program.
    while locked and is_holder_running(holder) is False and time.monotonic() < deadline:
        time.sleep(PERIOD)
        locked = is_locked(path)
    if locked:
        return "alive"
    if not holder.get("alive") or holder.get("kind") == "lease":
        return "dead"  # never signed, or signed off; of a lease the marker is gone
    if locked is False and holder.get("locks") and is_ours(holder):
        return "dead"
    return observe(path, beats(path), LEASE)


def _probe_lease(path: Path, holder: dict[str, Any]) -> Liveness:
    runs = is_holder_running(holder)
    if runs is not None:
        return "alive" if runs else "dead"
    return observe(path, beats(path), LEASE)


def is_holder_running(holder: dict[str, Any]) -> bool | None:
    """Return whether the holder still exists; None where this process cannot tell."""
    if holder.get("space") != process_space() or not isinstance(holder.get("pid"), int):
        return None
    return is_running(holder["pid"], str(holder.get("started", "")))


def lease_path(path: Path) -> Path:
    """Return the marker of a lease on the lock."""
    return path.with_name(f"{path.name}.lease")


def wants_lease(path: Path) -> bool:
    """Return whether the store of a lock says that its file system has no locks to rely on.

    Raises:
        ConfigError: The store's settings cannot be read.
    """
    store = path.parent.parent
    said = read_settings(store).get("locks", "native")
    if said not in ("native", "lease"):
        raise ConfigError(f"{store / NAME} has locks = {said!r}; it may be 'native' or 'lease'.")
    return bool(said == "lease")


def read_holder(path: Path) -> dict[str, Any]:
    """Return what the last holder of the lock wrote about itself; empty if nothing can be read."""
    try:
        with os.fdopen(open_regular(path), "rb", buffering=0) as file:
            # Windows keeps others from reading the byte that is locked, the first; it is always the same.
            file.seek(1)
            value = json.loads(b"{" + (file.read(_LONGEST) or b""))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_ours(holder: dict[str, Any]) -> bool:
    """Return whether the holder is, or was, a process of this machine, in whichever of its boots."""
    return holder.get("host") == host_name() or holder.get("machine") == boot_id() != ""


def is_locked(path: Path) -> bool | None:
    """Ask the kernel; None where it cannot tell."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return False
    try:
        known = is_flocked(descriptor)
        return _is_locked_here(descriptor) if known is None else known
    finally:
        os.close(descriptor)


def _is_locked_here(descriptor: int) -> bool | None:
    """Ask by trying, several times: another process that asks holds the lock for an instant."""
    import filelock

    for _ in range(3):
        try:
            if filelock.lock_descriptor(descriptor, blocking=False):
                filelock.unlock_descriptor(descriptor)
                return False
        except OSError:
            return None
        time.sleep(PERIOD)
    return True


def beats(path: Path) -> str:
    """Return something that changes with each heartbeat."""
    told = []
    for name in (path, lease_path(path)):
        with contextlib.suppress(OSError):
            status = os.lstat(name)
            told.append(f"{status.st_mtime_ns}-{status.st_ino}")
    return " ".join(told)


def holder_name(holder: dict[str, Any]) -> str:
    """Return the words for a holder."""
    return f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"


def locked_error(path: Path) -> StoreLockedError:
    """Return the refusal to take a lock that another process holds."""
    run = path.parent.name
    return StoreLockedError(
        f"The run {run} is held by {holder_name(read_holder(path))}.",
        hint=f"Wait for it to end, or stop that process; if it is dead: tasks runs release {run}",
    )


def observing(path: Path) -> str:
    """Return the words for the time in which a heartbeat is watched."""
    return f"waiting up to {LEASE:g} s to see whether {holder_name(read_holder(path))} is alive"
