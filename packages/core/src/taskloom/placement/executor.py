"""Placement of runs: a run folder is shipped, and all that comes back is the end of the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from taskloom.context import Resources
from taskloom.errors import UnknownNameError, UsageError
from taskloom.registry.installed import named_targets
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean


class Job(Protocol):
    """One attempt at a run, placed somewhere."""

    @property
    def id(self) -> str:
        """Name of the job in its engine."""
        ...

    def has_ended(self) -> bool:
        """Return whether the engine has nothing more to do for it. The outcome of the run is in its folder."""
        ...

    def cancel(self) -> None:
        """Ask it to end, as by SIGTERM: a run that can resume publishes a checkpoint."""
        ...


class Executor(Protocol):
    """A way to place runs.

    A worker executes `python -m taskloom.execute RUN_DIR`; nothing but folder names travels, so the same folder works under
    every engine, or by hand, and a submitter that dies loses nothing.
    """

    @property
    def capacity(self) -> int | None:
        """Number of jobs to hand over at a time; None for an engine with a queue of its own."""
        ...

    @property
    def takes_signals(self) -> bool:
        """Return whether the runs receive this process's signals themselves."""
        ...

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Place one job for each run folder."""
        ...

    def close(self) -> None:
        """Let go of the engine; jobs that are running go on."""
        ...


GROUP = "taskloom.executors"
"""The entry-point group of executors. Each entry leads to a function of the number of jobs that opens the executor."""
INLINE = "inline"


def open_executor(name: str, jobs: int = 0) -> Executor:
    """Open an executor by name.

    Args:
        name: Its name in the entry-point group `taskloom.executors`.
        jobs: How many runs at a time; 0 leaves it to the executor.

    Raises:
        UnknownNameError: There is no such executor.
        MissingExtraError: Its library is not installed.
        PluginError: It is installed, and broken.
    """
    check_executor(name, jobs)
    target = named_targets(GROUP)[name]
    opener = cast("Callable[[int], Executor]", load_target(target, what=f"Executor '{name}'"))
    return opener(jobs)


def check_executor(name: str, jobs: int = 0) -> None:
    """Refuse a name or a number that cannot be meant, without starting anything.

    Raises:
        UnknownNameError: There is no such executor.
        UsageError: The number of jobs is negative.
    """
    names = named_targets(GROUP)
    if name not in names:
        raise UnknownNameError(
            f"There is no executor '{name}'; there are {', '.join(names)}.",
            hint=did_you_mean(name, names),
        )
    if jobs < 0:
        raise UsageError(
            f"The number of jobs is {jobs}; it must be 0 (let the executor choose) or more."
        )
