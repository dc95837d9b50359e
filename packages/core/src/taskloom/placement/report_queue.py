"""Reports of runs that have ended on this machine, written by a process that is kept for them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from taskloom.records.folders import Damaged
from taskloom.records.run_record import read_run
from taskloom.system.processes import own_group


class ReportQueue:
    """Queue of run folders for a reporter (see `taskloom.placement.reporter`); without a report the run is as good."""

    def __init__(self) -> None:
        self._reporter: subprocess.Popen[bytes] | None = None

    def add(self, folder: str) -> None:
        """Have the report of a run written, if it is to have one."""
        found = read_run(Path(folder))
        if isinstance(found, Damaged) or not found.has_report:
            return
        if self._reporter is None:
            command = [sys.executable, "-m", "taskloom.placement.reporter"]
            self._reporter = subprocess.Popen(command, stdin=subprocess.PIPE, **own_group())
        if self._reporter.stdin is not None:
            with contextlib.suppress(OSError):
                self._reporter.stdin.write(json.dumps(folder).encode() + b"\n")
                self._reporter.stdin.flush()

    def close(self) -> None:
        """Wait for the last reports."""
        if self._reporter is not None and self._reporter.stdin is not None:
            with contextlib.suppress(OSError):
                self._reporter.stdin.close()
            self._reporter.wait()
            self._reporter = None
