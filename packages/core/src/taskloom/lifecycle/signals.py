"""SIGINT, SIGTERM and SIGUSR2 become a wish to stop, and the second one becomes an order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from taskloom.errors import ExitCode
from taskloom.system.processes import STOP_SIGNALS, signal_self

GRACE = 30.0  # [s] between the wish and the order


class Interruption(KeyboardInterrupt):
    """The task is being interrupted by a signal; libraries clean up after it as after Ctrl-C."""


class StopRequest:
    """Request to stop a run, with its reason.

    For a task that can resume, the first signal only sets `requested`, and a second one, or the end of the grace period,
    interrupts it. Any other task is interrupted by the first.

    Args:
        graceful: Whether the task can resume.
        grace: How long the wish stands before it becomes an order [s].
        begun: Whether the task has begun; before `begin`, a signal waits for it.
    """

    def __init__(self, *, graceful: bool, grace: float = GRACE, begun: bool = True) -> None:
        self._graceful = graceful
        self._begun = begun
        self._grace = grace
        self._timers: list[threading.Timer] = []
        self._settled = False
        self._installed = False
        self.signum = 0
        self.interrupted = False
        self.noticed = False

    @property
    def requested(self) -> bool:
        """Return whether the run was asked to end; a task that reads True has noticed it."""
        if self.signum:
            self.noticed = True
        return bool(self.signum)

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of a run that was stopped."""
        interrupted = self.signum in (0, signal.SIGINT)
        return ExitCode.INTERRUPTED if interrupted else ExitCode.TERMINATED

    @contextmanager
    def installed(self, time_limit: float = 0.0) -> Iterator[None]:
        """Receive signals while the block runs; outside the main thread only the time limit counts.

        Args:
            time_limit: Time after which the run is asked to stop as by SIGTERM [s]; 0 means never.
        """
        self._installed = threading.current_thread() is threading.main_thread()
        previous = {}
        if self._installed:
            previous = {signum: signal.signal(signum, self._receive) for signum in STOP_SIGNALS}
        if time_limit > 0:
            self._start_timer(time_limit, signal.SIGTERM)
        try:
            yield
        finally:
            self.settle()
            for signum, handler in previous.items():
                signal.signal(signum, handler if handler is not None else signal.SIG_DFL)

    def begin(self) -> None:
        """Note that the task begins now: a signal that came while its run was being prepared acts here.

        Raises:
            Interruption: A signal came, and the task cannot resume.
        """
        self._begun = True
        if self.signum and not self._graceful:
            self._interrupt(self.signum)

    def ask(self) -> None:
        """Ask the run to stop, as by SIGTERM; any thread may call it."""
        self._fire(signal.SIGTERM)

    def settle(self) -> None:
        """The task has ended: from now on signals no longer interrupt, because the record is being written."""
        self._settled = True
        for timer in self._timers:
            timer.cancel()

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if self._settled:
            return
        first, self.signum = not self.signum, self.signum or signum
        if first and self._graceful:
            self._start_timer(self._grace, signum)
        elif self._begun:
            self._interrupt(signum)

    def _interrupt(self, signum: int) -> NoReturn:
        self.interrupted = True
        raise Interruption(signal.Signals(signum).name)

    def _start_timer(self, seconds: float, signum: int) -> None:
        timer = threading.Timer(seconds, self._fire, args=(signum,))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _fire(self, signum: int) -> None:
        """Act from the timer's thread: only the main thread can be interrupted, and only by a signal."""
        if self._settled:
            return
        if self._installed:
            signal_self(signum)
        else:
            self.signum = self.signum or signum
