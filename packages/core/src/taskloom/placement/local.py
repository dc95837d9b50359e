"""Runs on this machine, one process each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from taskloom.context import Resources
from taskloom.placement.executor import Executor, Job
from taskloom.placement.report_queue import ReportQueue
from taskloom.placement.spawn import SpawningExecutor
from taskloom.secrets import vault
from taskloom.system.machine import cpu_count
from taskloom.system.processes import ask_to_stop, can_fork, own_group


class LocalJob:
    """A worker process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pid = 0
        self.code: int | None = None
        self.is_cancelled = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self._folder.name

    def has_ended(self) -> bool:
        """Return whether the process is gone."""
        return self.code is not None

    def cancel(self) -> None:
        """Send SIGTERM, or do so once the process has started."""
        self.is_cancelled = True
        if self.pid and self.code is None:
            ask_to_stop(self.pid)


class LocalExecutor:
    """Starts a process for each run, forked from a zygote (see `taskloom.placement.zygote`).

    Args:
        jobs: How many runs at a time.
    """

    takes_signals = False

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._zygote: subprocess.Popen[bytes] | None = None
        self._reports = ReportQueue()
        self._running: dict[str, LocalJob] = {}
        self._pending = b""

    @property
    def capacity(self) -> int:
        """Number of runs at a time."""
        return self._jobs

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Start one process for each folder."""
        del resources  # a process on this machine sees all of it
        return [self._start(folder) for folder in folders]

    def close(self) -> None:
        """Tell the zygote that no more runs come, and wait for the last reports."""
        if self._zygote is not None and self._zygote.stdin is not None:
            with contextlib.suppress(OSError):
                self._zygote.stdin.close()
            self._zygote.wait()
            if self._zygote.stdout is not None:
                self._zygote.stdout.close()
            self._zygote = None
        self._reports.close()

    def poll(self) -> None:
        """Hear which processes have started and ended."""
        if self._zygote is None or self._zygote.stdout is None:
            return
        while True:
            try:
                data = os.read(self._zygote.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not data:
                self._bury()
                return
            *lines, self._pending = (self._pending + data).split(b"\n")
            for line in lines:
                self._hear(*json.loads(line))

    def _start(self, folder: Path) -> Job:
        job = _PolledJob(folder, self)
        self._running[str(folder)] = job
        for _ in range(2):
            zygote = self._open_zygote()
            try:
                if zygote.stdin is not None:
                    # The pipe is the one way on which a secret goes to another process.
                    line = json.dumps([str(folder), vault.packed(str(folder.absolute()))])
                    zygote.stdin.write(line.encode() + b"\n")
                    zygote.stdin.flush()
                return job
            except BrokenPipeError:
                self._bury(spare=job)  # it was killed since the last run; a new one takes over
        job.code = 1
        return job

    def _open_zygote(self) -> subprocess.Popen[bytes]:
        if self._zygote is None:
            command = [sys.executable, "-m", "taskloom.placement.zygote"]
            self._zygote = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **own_group()
            )
            if self._zygote.stdout is not None:
                os.set_blocking(self._zygote.stdout.fileno(), False)
        return self._zygote

    def _hear(self, event: str, folder: str, number: int) -> None:
        job = self._running.get(folder)
        if job is None:
            return
        if event == "started":
            job.pid = number
            if job.is_cancelled:
                job.cancel()
        else:
            job.code = number
            del self._running[folder]
            self._reports.add(folder)

    def _bury(self, spare: LocalJob | None = None) -> None:
        """The zygote is dead: nothing reports on its workers any more, so their folders have to."""
        zygote, self._zygote, self._pending = self._zygote, None, b""
        for folder, job in list(self._running.items()):
            if job is not spare:
                job.code = 1
                del self._running[folder]
        if zygote is not None:
            for stream in (zygote.stdin, zygote.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            zygote.wait()


class _PolledJob(LocalJob):
    """A job that listens to the zygote before it answers."""

    def __init__(self, folder: Path, executor: LocalExecutor) -> None:
        super().__init__(folder)
        self._executor = executor

    def has_ended(self) -> bool:
        """Return whether the process is gone."""
        if self.code is None:
            self._executor.poll()
        return self.code is not None


def open_executor(jobs: int, /) -> Executor:
    """Open the executor of this machine: as many runs at a time as there are cores, unless `jobs` says otherwise."""
    executor = LocalExecutor if can_fork() else SpawningExecutor
    return executor(jobs or cpu_count())
