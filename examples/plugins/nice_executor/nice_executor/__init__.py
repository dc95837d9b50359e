"""Runs on this machine, one process each, that let everything else go first: `--executor=nice`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from taskloom import Resources
from taskloom.placement.executor import Executor, Job


class NiceJob:
    """A worker process.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        command = ["nice", sys.executable, "-m", "taskloom.execute", str(folder)]
        # A session of its own: Ctrl-C reaches the run once, through `cancel`.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def id(self) -> str:
        """The process's id."""
        return str(self._process.pid)

    def has_ended(self) -> bool:
        """Return whether the process is gone; how the run went is in its folder."""
        return self._process.poll() is not None

    def cancel(self) -> None:
        """Ask the run to stop: it publishes a checkpoint if it can go on from one."""
        self._process.terminate()


class NiceExecutor:
    """Starts a process for each run.

    Args:
        jobs: How many runs at a time.
    """

    takes_signals = False

    def __init__(self, jobs: int) -> None:
        self.capacity = jobs

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Start one process for each folder."""
        del resources  # a process on this machine sees all of it
        return [NiceJob(folder) for folder in folders]

    def close(self) -> None:
        """Do nothing: processes that run go on."""


def open_executor(jobs: int, /) -> Executor:
    """Open the executor; 0 jobs stand for one on each core."""
    return NiceExecutor(jobs or os.cpu_count() or 1)
