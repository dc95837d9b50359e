"""Processes: fork or spawn, groups and sessions, signals, time limits, and pipes that are read with patience."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import socket


class Apart(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that set a child apart."""

    start_new_session: bool
    process_group: int
    creationflags: int


_NEW_GROUP = 0x00000200  # CREATE_NEW_PROCESS_GROUP of Windows
_SHORTEST = 0.001  # [s], of a timer: 0 would stop it

# SIGUSR2 is what Slurm's users send ahead of a pre-emption; SIGBREAK is Ctrl-Break, of Windows.
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
)


def can_fork() -> bool:
    """Return whether this system forks processes; elsewhere each begins with a fresh interpreter."""
    return hasattr(os, "fork")


def can_signal() -> bool:
    """Return whether a signal asks another process to stop; on Windows it may end it at once, or not arrive."""
    return os.name != "nt"


def fork() -> int:
    """Fork; only where `can_fork`."""
    return os.fork()


def reap() -> tuple[int, int] | None:
    """Return process id and exit code of a child that has ended; None if no child has."""
    pid, status = os.waitpid(-1, os.WNOHANG)
    return None if pid == 0 else (pid, os.waitstatus_to_exitcode(status))


def wake_for_children(descriptor: int) -> None:
    """Have a byte written to the descriptor when a child ends; -1 ends it."""
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL if descriptor < 0 else lambda *_: None)


def after_fork_in_child(callback: Callable[[], None]) -> None:
    """Call back in every child that this process forks, where it can fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=callback)


def own_group() -> Apart:
    """Return the arguments that give a child a process group of its own, which Ctrl-C in the terminal does not reach."""
    if hasattr(os, "setsid"):
        return {"process_group": 0}
    return {"creationflags": _NEW_GROUP if sys.platform == "win32" else 0}


def own_session() -> Apart:
    """Return the arguments that detach a child from the terminal altogether."""
    return {"start_new_session": True} if hasattr(os, "setsid") else own_group()


def be_nice(increment: int) -> None:
    """Let other processes go first, where the system can."""
    if hasattr(os, "nice"):
        os.nice(increment)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that a lost node leaves no worker behind.

    Only Linux can; elsewhere the folders of the runs tell all the same.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def ask_to_stop(pid: int) -> bool:
    """Ask a process to stop as by SIGTERM, on Windows by Ctrl-Break to its group.

    Returns:
        Whether it was asked; elsewhere a file in its run folder has to say so.
    """
    signum = signal.SIGTERM if can_signal() else getattr(signal, "CTRL_BREAK_EVENT", None)
    if signum is None:
        return False
    try:
        os.kill(pid, signum)
    except OSError:
        return False  # it is gone, or has no console
    return True


def end_at_once(pid: int) -> None:
    """End a process as by SIGKILL: it can neither refuse nor tidy up.

    Raises:
        OSError: There is none, or it is another user's.
    """
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def started(pid: int) -> str:
    """Return when a process began, as the kernel counts; empty where that cannot be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program, in brackets, may hold anything.
    return text.rpartition(")")[2].split()[19]


def is_running(pid: int, began: str) -> bool | None:
    """Return whether a process that began at that time still exists; None where that cannot be told."""
    if not can_signal():
        return None  # os.kill(pid, 0) would interrupt it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return None
    return not began or started(pid) in ("", began)


def signal_self(signum: int) -> None:
    """Let a signal reach the main thread of this process; any thread may call it."""
    if can_signal():
        os.kill(os.getpid(), signum)
    else:
        signal.raise_signal(signum)  # os.kill would end the process at once


def fail_on_broken_pipes() -> None:
    """Let a pipe that broke be an error, not a death."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@contextmanager
def signals_kept() -> Iterator[None]:
    """Put the handlers and the mask of signals back after the block, where this thread may."""
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    is_main = threading.current_thread() is threading.main_thread()
    can_mask = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if can_mask else set[signal.Signals]()
    try:
        yield
    finally:
        if can_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            # None is a handler that C code installed, which Python cannot install again.
            if is_main and handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def interrupting(
    seconds: float, error: BaseException, report: Callable[[], object] | None = None
) -> Iterator[None]:
    """Raise the error inside the block after some seconds, not counting those in which a busy machine kept it waiting.

    Where the system, or this thread, cannot be interrupted, the block runs on.

    Args:
        seconds: The limit [s]; 0 means none.
        error: What is raised.
        report: Called from another thread after as many seconds, where the system has no timers that interrupt.
    """
    if seconds <= 0:
        yield
    elif not hasattr(signal, "setitimer"):
        with _reporting(seconds, report):
            yield
    elif signal.getitimer(signal.ITIMER_REAL)[0]:
        yield  # another limit is running
    else:
        yield from _alarmed(seconds, error)


def _alarmed(seconds: float, error: BaseException) -> Iterator[None]:
    begun, waited = time.monotonic(), kept_waiting()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        left = begun + seconds + kept_waiting() - waited - time.monotonic()
        if left <= 0:
            raise error
        signal.setitimer(signal.ITIMER_REAL, max(left, _SHORTEST))

    try:
        previous = signal.signal(signal.SIGALRM, interrupt)
    except ValueError:  # only the main thread may set a handler
        yield
        return
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous or signal.SIG_DFL)


def kept_waiting() -> float:
    """Return how long this thread has been ready to run without getting a processor [s]; 0 where the system does not say."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


@contextmanager
def _reporting(seconds: float, report: Callable[[], object] | None) -> Iterator[None]:
    timer = threading.Timer(seconds, report or (lambda: None))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def readline_within(stream: IO[str], seconds: float, limit: int = -1) -> str | None:
    """Read a line of a pipe; None if it does not begin within some seconds.

    Args:
        stream: The end of a pipe, with nothing of it buffered.
        seconds: The patience [s].
        limit: The longest line [characters]; -1 means any.
    """
    if can_signal():
        import select

        ready, _, _ = select.select([stream], [], [], seconds)
        return stream.readline(limit) if ready else None
    import queue

    # Windows waits for sockets only. The thread that is left behind ends with the pipe.
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            lines.put(stream.readline(limit))

    threading.Thread(target=read, daemon=True).start()
    try:
        return lines.get(timeout=seconds)
    except queue.Empty:
        return None


def take_port_alone(listener: socket.socket) -> None:
    """Let a listener take a port that has just been left, and no port that another process listens on."""
    import socket

    # On Windows SO_REUSEADDR would let two processes share the port.
    option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
    listener.setsockopt(socket.SOL_SOCKET, option, 1)
