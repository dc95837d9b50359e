"""The lock of a run or of a claim: who holds it, and is the holder alive?

    held = acquire(path)
    probe(path)             # "alive", "dead" or "unknown"
    held.release()

Three kinds, all of `filelock`: `flock` (Linux, macOS), `msvcrt` (Windows), which the kernel frees when their holder dies, and a
`lease` for file systems without locks, or where `store.toml` says `locks = "lease"`. A lease is a marker beside the lock file
that its holder touches; another process may take it once it has not changed for `LEASE` seconds of that process's own
monotonic clock. No two clocks are ever compared.

A lease can be lost while its holder lives (a process that was stopped, a laptop that slept). So can any other lock, when
`tasks runs release` declares its holder dead. `Held.is_lost` says so, and nothing may be published after it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import StoreLockedError
from taskloom.runs.heartbeats import observe
from taskloom.runs.holders import (
    LEASE,
    PERIOD,
    Kind,
    beats,
    holder_name,
    is_locked,
    is_ours,
    lease_path,
    locked_error,
    observing,
    probe,
    read_holder,
    signature,
    wants_lease,
)
from taskloom.runs.writer import store_error
from taskloom.system.files import open_plain, replace, write_at
from taskloom.system.processes import after_fork_in_child, can_signal

if TYPE_CHECKING:
    from filelock import SoftFileLease

HEARTBEAT = 20.0  # [s] between two changes of it
_FRESH = 1.0  # [s] for which a look at the lock counts
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class Held:
    """A lock that this process holds, until `release` or its death.

    The kernel releases a native lock when the last copy of its descriptor closes. A forked child (a data loader's worker)
    holds a copy, so each child closes its own at once: otherwise an orphan would keep a dead run looking alive.

    Args:
        path: The lock file.
        descriptor: The open lock file.
        lease: The marker's lock, if the lock is a lease.

    Attributes:
        on_lost: Called once, from any thread, when the lock is found lost.
        on_beat: Called with each heartbeat, from its thread; where no signals arrive, every second.
    """

    def __init__(self, path: Path, descriptor: int, lease: SoftFileLease | None = None) -> None:
        self.path = path
        self.on_lost: Callable[[], None] = _nothing
        self.on_beat: Callable[[], None] = _nothing
        self._descriptor = descriptor
        self._lease = lease
        self._named = lease_path(path) if lease else path
        self._identity = _identity(self._named)
        self._lost = threading.Event()
        self._looked = time.monotonic()
        self._stop = threading.Event()
        _held.add(self)
        threading.Thread(target=self._beat, name="taskloom-heartbeat", daemon=True).start()

    @property
    def kind(self) -> Kind:
        """Kind of the lock."""
        return "lease" if self._lease else "native"

    @property
    def is_lost(self) -> bool:
        """Return whether another process may have the lock, as a look at most a second ago told."""
        if time.monotonic() - self._looked >= _FRESH:
            self._look()
        return self._lost.is_set()

    def ensure(self) -> None:
        """Look now, directly before something is published.

        Raises:
            StoreLockedError: The lock is lost.
        """
        self._look()
        if self._lost.is_set():
            raise StoreLockedError(
                f"The run {self.path.parent.name} was taken over by {holder_name(read_holder(self.path))}."
            )

    def tell(self, begins: str) -> None:
        """Write into the lock where this attempt begins, for the other processes that share its work.

        Args:
            begins: Folder of the checkpoint that it goes on from; empty at the start.

        Raises:
            StoreLockedError: The lock is lost: what stands there is of another holder.
            StoreError: The file cannot be written.
        """
        self.ensure()
        try:
            # Longer than what stands there, so that one write replaces it: a reader sees either the old words or the new.
            write_at(self._descriptor, signature(self.kind, begins), 0)
        except OSError as error:
            raise store_error("lock", self.path, error) from error

    def release(self) -> None:
        """Let the lock go; a second call does nothing."""
        self._stop.set()
        _held.discard(self)
        if self._descriptor < 0:
            return
        self._look()
        if not self._lost.is_set():
            # A signature that stays tells of a holder that died.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        if self._lease:
            with contextlib.suppress(OSError):
                self._lease.release()
        self.abandon()

    def lose(self) -> None:
        """Note that the lock is lost."""
        if not self._lost.is_set():
            self._lost.set()
            self.on_lost()

    def abandon(self) -> None:
        """Close the lock file and leave the lock to others that have it open, as a forked child must."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look(self) -> None:
        if self._lost.is_set() or self._descriptor < 0:
            return
        self._looked = time.monotonic()
        try:
            if self._lease:
                # Touched first: who is just about to judge the marker unchanged must see that it is not.
                os.utime(self._named)
            found = _identity(self._named)
        except FileNotFoundError:
            found = None
        except OSError:
            return  # a file server that hiccups; the next look may succeed
        # A run's folder that is gone takes the lock file with it, and then every write says so.
        if found != self._identity and (found is not None or self._lease):
            self.lose()

    def _beat(self) -> None:
        period = HEARTBEAT if can_signal() else min(HEARTBEAT, _FRESH)
        touched = time.monotonic()
        while not self._stop.wait(period):
            self.on_beat()
            self._look()
            if not self._lost.is_set() and time.monotonic() - touched >= HEARTBEAT - period:
                touched = time.monotonic()
                with contextlib.suppress(OSError):
                    os.utime(self.path)


def acquire(
    path: Path, patience: float = 0.5, *, told: Callable[[str], None] | None = None
) -> Held:
    """Take a lock.

    Args:
        path: The lock file, in a folder of a store; made if missing, never removed.
        patience: How long to wait for a holder [s]; probes hold the lock for an instant.
        told: Where given, a holder on another machine of which nothing is known is observed for up to `LEASE` seconds, and this
            is told so in a sentence. Else it counts as alive.

    Raises:
        StoreLockedError: Another process holds the lock.
        StoreError: The file cannot be written.
        ConfigError: `store.toml` cannot be read.
    """
    if wants_lease(path) or lease_path(path).exists():
        return _acquire_lease(path, patience, told)
    import filelock  # takes as long as many a command, and listings take no lock

    deadline = time.monotonic() + patience
    while True:
        descriptor = _open(path)
        try:
            if filelock.lock_descriptor(descriptor, blocking=False):
                # `release` of a holder that counts as dead puts another file in its place.
                found = os.fstat(descriptor)
                if os.path.samestat(found, path.stat()):
                    if found.st_size:  # a new file has no holder to ask for
                        _refuse_unknown(path, told)
                    return _sign(Held(path, descriptor), descriptor)
            elif time.monotonic() >= deadline:
                raise locked_error(path)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                return _acquire_lease(path, patience, told)
            raise store_error("lock", path, error) from error
        except StoreLockedError:
            os.close(descriptor)
            raise
        else:
            os.close(descriptor)
        time.sleep(PERIOD)


def _acquire_lease(path: Path, patience: float, told: Callable[[str], None] | None) -> Held:
    import filelock

    descriptor = _open(path)
    # An attempt that failed leaves its lease behind, with what it has seen of the marker: the next one need not begin anew.
    lease, held = _watching.pop(path) if path in _watching else _new_lease(path)
    try:
        _await(lease, path, patience, told)
        if is_locked(path):  # by a process that trusts the locks of the file system
            raise locked_error(path)
        held.append(_sign(Held(path, descriptor, lease), descriptor))
    except BaseException as error:
        lease.release()
        os.close(descriptor)
        if isinstance(error, filelock.LeaseSettingsMismatch):  # of another taskloom
            raise locked_error(path) from error
        if isinstance(error, OSError):
            raise store_error("lock", lease_path(path), error) from error
        _watching[path] = lease, held
        raise
    return held[0]


def _new_lease(path: Path) -> tuple[SoftFileLease, list[Held]]:
    import filelock

    held: list[Held] = []

    def lose(compromise: object) -> None:
        del compromise  # that it happened is enough
        for one in held:
            one.lose()

    lease = filelock.SoftFileLease(
        lease_path(path),
        lease_duration=LEASE,
        heartbeat_interval=HEARTBEAT,
        on_compromise=lose,
        thread_local=False,
        poll_interval=PERIOD,
    )
    return lease, held


_watching: dict[Path, tuple[SoftFileLease, list[Held]]] = {}


def _await(
    lease: SoftFileLease, path: Path, patience: float, told: Callable[[str], None] | None
) -> None:
    """Take the marker; one whose holder cannot be asked is watched by the lease itself, with its own clock."""
    import filelock

    began, first = time.monotonic(), min(patience, 0.5)
    while True:
        with contextlib.suppress(filelock.Timeout):
            lease.acquire(timeout=first)
            return
        first = 0.5
        state, waited = probe(path), time.monotonic() - began
        if state == "alive" and waited >= patience:
            raise locked_error(path)
        if told is None and (state == "unknown" or waited >= max(patience, 1.0)):
            raise locked_error(path)
        if waited > 2 * LEASE:
            raise locked_error(path)
        if state == "unknown" and told is not None:
            told(observing(path))
            told = _ignore


def declare_dead(path: Path) -> None:
    """Free a lock whose holder is dead; a holder that lives all the same finds its lock lost.

    Raises:
        StoreLockedError: The holder is alive.
        StoreError: The file cannot be replaced.
    """
    if probe(path) == "alive":
        raise locked_error(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        lease_path(path).unlink(missing_ok=True)
        os.close(open_plain(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        replace(beside, path)
    except OSError as error:
        raise store_error("release", path, error) from error


_held: weakref.WeakSet[Held] = weakref.WeakSet()


def _abandon_all() -> None:
    for lock in list(_held):
        lock.abandon()


after_fork_in_child(_abandon_all)


def _open(path: Path) -> int:
    try:
        return open_plain(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise store_error("lock", path, error) from error


def _sign(held: Held, descriptor: int) -> Held:
    os.ftruncate(descriptor, 0)
    write_at(descriptor, signature(held.kind), 0)
    return held


def _refuse_unknown(path: Path, told: Callable[[str], None] | None) -> None:
    """The lock is ours; but does the file system share locks with the machine that signed last?"""
    while (holder := read_holder(path)).get("alive") and not is_ours(holder):
        state = observe(path, beats(path), LEASE)
        if state == "dead":
            return
        if state == "alive" or told is None:
            raise locked_error(path)
        told(observing(path))
        told = _ignore
        time.sleep(0.5)


def _identity(path: Path) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _nothing() -> None:
    return None


def _ignore(text: str) -> None:
    del text
