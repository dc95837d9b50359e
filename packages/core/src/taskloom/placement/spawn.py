"""Runs on this machine, one fresh interpreter each: for systems that fork no processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from taskloom.context import Resources
from taskloom.placement.executor import Job
from taskloom.placement.report_queue import ReportQueue
from taskloom.runs.layout import RunLayout
from taskloom.secrets import vault
from taskloom.system.files import open_plain
from taskloom.system.processes import ask_to_stop, own_group

_OUTPUT = "output.txt"


class SpawnedJob:
    """A worker process that this one has started.

    Args:
        folder: The run's folder.
        reports: Where its report is to be written.
    """

    def __init__(self, folder: Path, reports: ReportQueue) -> None:
        self._layout = RunLayout(folder)
        self._reports = reports
        self._cancelled = 0
        self._is_over = False
        with contextlib.suppress(OSError):
            self._layout.stop.unlink(missing_ok=True)
        output = open_plain(folder / _OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "taskloom.placement.spawned"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                **own_group(),
            )
        finally:
            os.close(output)
        self._send(json.dumps([str(folder), vault.packed(str(folder.absolute()))]).encode() + b"\n")

    @property
    def id(self) -> str:
        """The run's id."""
        return self._layout.dir.name

    def has_ended(self) -> bool:
        """Return whether the process is gone."""
        if not self._is_over and self._process.poll() is not None:
            self._is_over = True
            self._reports.add(str(self._layout.dir))
            with contextlib.suppress(OSError):
                self._layout.stop.unlink(missing_ok=True)
        elif self._cancelled and not self._is_over:
            # Insisted on: a run that is only beginning removes what an earlier one has left.
            self._write_wish()
        return self._is_over

    def cancel(self) -> None:
        """Ask the run to stop, by a signal if the system has one and by a file; the second time end the process."""
        self._cancelled += 1
        if self._cancelled > 1:
            self._process.kill()
        elif self._process.poll() is None:
            ask_to_stop(self._process.pid)
            self._write_wish()

    def _write_wish(self) -> None:
        with contextlib.suppress(OSError):
            self._layout.stop.touch()

    def _send(self, line: bytes) -> None:
        stream = self._process.stdin
        if stream is not None:
            with contextlib.suppress(OSError):  # it died at once; polling tells
                stream.write(line)
                stream.close()


class SpawningExecutor:
    """Starts an interpreter for each run.

    Args:
        jobs: How many runs at a time.
    """

    takes_signals = False

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._reports = ReportQueue()

    @property
    def capacity(self) -> int:
        """Number of runs at a time."""
        return self._jobs

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Start one process for each folder."""
        del resources  # a process on this machine sees all of it
        return [SpawnedJob(folder, self._reports) for folder in folders]

    def close(self) -> None:
        """Wait for the last reports; runs that are going go on."""
        self._reports.close()
