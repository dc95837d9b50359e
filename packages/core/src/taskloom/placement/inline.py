"""Runs in this very process, one after the other: for debugging, and where processes are not wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from taskloom.context import Resources
from taskloom.errors import TaskloomError
from taskloom.placement.executor import Executor, Job, open_executor as named_executor
from taskloom.placement.folder import execute_folder
from taskloom.request import RunOptions


class _DoneJob:
    """A job that was over before its state was asked for."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name

    def has_ended(self) -> bool:
        """It has."""
        return True

    def cancel(self) -> None:
        """Nothing is left to cancel."""


class InlineExecutor:
    """Runs each folder at once, in this process; the first signal goes to the run that is on.

    Args:
        capture: Whether to keep what a task prints, or to leave it the terminal.
    """

    capacity = 1
    takes_signals = True

    def __init__(self, *, capture: bool = True) -> None:
        self._capture = capture

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Run the folders, one after the other."""
        del resources  # the process has what it has
        return [self._run(folder) for folder in folders]

    def close(self) -> None:
        """Do nothing."""

    def _run(self, folder: Path) -> Job:
        with contextlib.suppress(TaskloomError):  # how it went is in the folder
            execute_folder(folder, capture=self._capture)
        return _DoneJob(folder)


def open_for(options: RunOptions) -> Executor:
    """Open the executor that options name; only a run of this process can have its terminal.

    Raises:
        UnknownNameError: There is no such executor.
        MissingExtraError: Its library is not installed.
        PluginError: It is installed, and broken.
    """
    if options.capture == "no":
        return InlineExecutor(capture=False)
    return named_executor(options.executor, options.jobs)


def open_executor(jobs: int, /) -> Executor:
    """Open the executor of this process."""
    del jobs  # one at a time, by its nature
    return InlineExecutor()
