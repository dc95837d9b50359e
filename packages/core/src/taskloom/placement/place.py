"""Placing many runs: keep an executor busy, watch the folders, and give lost runs another chance."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from taskloom.context import Resources
from taskloom.errors import ExitCode, RunCorruptError
from taskloom.placement.executor import Executor, Job
from taskloom.runs.run import Run

TRIES = 3
_PERIOD = 0.02  # [s]
_PATIENT_SIGNALS = 2
_QUEUE_PERIOD = 0.5  # [s] for engines with a queue, which are slow to ask


class Watcher(Protocol):
    """Listener to what happens to runs."""

    def placed(self, folder: Path, attempt: int, /) -> None:
        """A run was handed to the executor, for the `attempt`-th time."""
        ...

    def ended(self, run: Run, /) -> None:
        """A run is over: finished, failed, stopped, or given up."""
        ...

    def tick(self) -> None:
        """A moment has passed."""
        ...


class Relay:
    """Watcher that passes everything on to another.

    Args:
        watcher: The other.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def placed(self, folder: Path, attempt: int, /) -> None:
        """Pass it on."""
        self._watcher.placed(folder, attempt)

    def ended(self, run: Run, /) -> None:
        """Pass it on."""
        self._watcher.ended(run)

    def tick(self) -> None:
        """Pass it on."""
        self._watcher.tick()


@dataclass(slots=True)
class _Placed:
    folder: Path
    job: Job
    attempt: int


class _Queue:
    """An iterator of folders that can be asked for some ahead; where it gives None, there is nothing at the moment."""

    def __init__(self, folders: Iterator[Path | None]) -> None:
        self._folders = folders
        self._ready: list[Path] = []
        self._is_exhausted = False

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing more to take."""
        return self._is_exhausted and not self._ready

    def prepare(self, most: int) -> None:
        """Ask for one more folder, unless so many are ready."""
        if len(self._ready) < most and not self._is_exhausted:
            self._ready += self._draw(1)

    def take(self, count: int | None) -> list[Path]:
        """Return up to so many folders; None means all."""
        if count is None:
            taken, self._ready = [*self._ready, *self._draw(None)], []
            return taken
        if count > len(self._ready):
            self._ready += self._draw(count - len(self._ready))
        taken, self._ready = self._ready[: max(0, count)], self._ready[max(0, count) :]
        return taken

    def _draw(self, count: int | None) -> list[Path]:
        drawn: list[Path] = []
        while count is None or len(drawn) < count:
            try:
                folder = next(self._folders)
            except StopIteration:
                self._is_exhausted = True
                break
            if folder is None:
                break
            drawn.append(folder)
        return drawn


class Placement:
    """Placement of runs by an executor, which is kept busy until every run is over.

    A worker that is lost (its job has ended, but its folder says neither finished nor failed nor stopped) is replaced; the new
    one continues from the newest checkpoint. That is safe however often it happens, because a worker holds the run's lock and
    leaves a finished run alone.

    Args:
        executor: Where to place runs.
        resources: What each run may use.
        watcher: Hears what happens.
        keep_going: Whether a failed run leaves the others alone.
        prepares: Whether to ask for runs before there is room for them, which saves the time that making their folders takes.
        signals: Whether to receive SIGINT and SIGTERM: the first asks every run to stop, the second at once.
    """

    def __init__(
        self,
        executor: Executor,
        resources: Resources,
        watcher: Watcher,
        *,
        keep_going: bool = True,
        prepares: bool = True,
        signals: bool = True,
    ) -> None:
        self._executor = executor
        self._resources = resources
        self._watcher = watcher
        self._keep_going = keep_going
        self._signals = signals and threading.current_thread() is threading.main_thread()
        self._active: list[_Placed] = []
        self._closed = False
        self._prepares = prepares
        self._signals_received = 0
        self.exit_code = ExitCode.OK

    def run(self, folders: Iterator[Path | None]) -> None:
        """Place every folder that the iterator yields; it is asked when there is room, or one ahead.

        None means that there is nothing at the moment, and that it is to be asked again.
        """
        queue = _Queue(folders)
        with self._receiving():
            while True:
                if not self._closed:
                    self._fill(queue)
                self._collect()
                self._watcher.tick()
                if not self._active and (self._closed or queue.is_empty):
                    return
                if self._active and self._prepares and not self._closed:
                    # As many as may be needed at once: runs that began together end together.
                    queue.prepare(self._executor.capacity or 1)
                time.sleep(_QUEUE_PERIOD if self._executor.capacity is None else _PERIOD)

    def _fill(self, queue: _Queue) -> None:
        capacity = self._executor.capacity
        self._submit(
            queue.take(None if capacity is None else capacity - len(self._active)), attempt=1
        )

    def _submit(self, batch: list[Path], attempt: int) -> None:
        if not batch:
            return
        jobs = self._executor.submit(batch, self._resources)
        for folder, job in zip(batch, jobs, strict=True):
            self._active.append(_Placed(folder, job, attempt))
            self._watcher.placed(folder, attempt)
            if self._closed:
                job.cancel()  # the signal came while the job was being placed

    def _collect(self) -> None:
        lost: list[_Placed] = []
        for placed in list(self._active):
            if not placed.job.has_ended():
                continue
            run = _read(placed.folder)
            if run is not None and run.status in ("running", "running?"):
                continue  # an orphan of a lost engine; its lock says that it lives
            self._active.remove(placed)
            is_over = run is not None and run.status in ("finished", "failed", "stopped")
            if not is_over and placed.attempt < TRIES and not self._closed:
                lost.append(placed)
            elif run is not None:
                self._end(run)
        for placed in lost:
            self._submit([placed.folder], placed.attempt + 1)

    def _end(self, run: Run) -> None:
        if run.status == "stopped" and self._executor.takes_signals:
            # The signal was meant for all of them, not only for the run that happened to be on.
            self._closed = True
            self.exit_code = ExitCode(run.exit_code or ExitCode.INTERRUPTED)
        elif run.status != "finished":
            self.exit_code = max(self.exit_code, ExitCode.FAILED)
            if not self._keep_going:
                self._closed = True
        self._watcher.ended(run)

    @contextmanager
    def _receiving(self) -> Iterator[None]:
        signums = (signal.SIGINT, signal.SIGTERM) if self._signals else ()
        previous = {signum: signal.signal(signum, self._receive) for signum in signums}
        try:
            yield
        finally:
            for signum, handler in previous.items():
                signal.signal(signum, handler)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        del frame
        self._signals_received += 1
        if self._signals_received > _PATIENT_SIGNALS:
            raise KeyboardInterrupt
        self.exit_code = ExitCode.INTERRUPTED if signum == signal.SIGINT else ExitCode.TERMINATED
        self._closed = True
        for placed in self._active:
            placed.job.cancel()


def _read(folder: Path) -> Run | None:
    try:
        return Run(folder)
    except RunCorruptError:
        return None
