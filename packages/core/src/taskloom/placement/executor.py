"""Where runs are placed: what is shipped is a run folder, and what comes back is only that a job has ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from taskloom.context import Resources
from taskloom.errors import UnknownNameError, UsageError


class Job(Protocol):
    """One attempt at a run, placed somewhere."""

    @property
    def id(self) -> str:
        """How the engine calls it."""
        ...

    def has_ended(self) -> bool:
        """Whether the engine has nothing more to do for it. How the run went is in its folder."""
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
        """How many jobs to hand over at a time; None for an engine with a queue of its own."""
        ...

    @property
    def takes_signals(self) -> bool:
        """Whether the runs receive this process's signals themselves."""
        ...

    def submit(self, folders: Sequence[Path], resources: Resources, /) -> list[Job]:
        """Place one job for each run folder."""
        ...

    def close(self) -> None:
        """Let go of the engine; jobs that are running go on."""
        ...


def _inline(jobs: int) -> Executor:
    from taskloom.placement.inline import InlineExecutor

    del jobs  # one at a time, by its nature
    return InlineExecutor()


def _local(jobs: int) -> Executor:
    from taskloom.placement.local import LocalExecutor

    return LocalExecutor(jobs or len(os.sched_getaffinity(0)))


def _ray(jobs: int) -> Executor:
    from taskloom.placement.ray import RayExecutor

    return RayExecutor(jobs or None)


def _slurm(jobs: int) -> Executor:
    from taskloom.placement.slurm import SlurmExecutor

    return SlurmExecutor(jobs or None)


_OPENERS: dict[str, Callable[[int], Executor]] = {
    "inline": _inline,
    "local": _local,
    "ray": _ray,
    "slurm": _slurm,
}
EXECUTORS = tuple(_OPENERS)


def open_executor(name: str, jobs: int = 0) -> Executor:
    """Open an executor by name.

    Args:
        name: One of `EXECUTORS`.
        jobs: How many runs at a time; 0 leaves it to the executor.

    Raises:
        UnknownNameError: There is no such executor.
        MissingExtraError: Its library is not installed.
    """
    check_executor(name, jobs)
    return _OPENERS[name](jobs)


def check_executor(name: str, jobs: int = 0) -> None:
    """Refuse a name or a number that cannot be meant, without starting anything.

    Raises:
        UnknownNameError: There is no such executor.
        UsageError: The number of jobs is negative.
    """
    if name not in _OPENERS:
        from taskloom.registry import did_you_mean

        raise UnknownNameError(
            f"There is no executor '{name}'; there are {', '.join(EXECUTORS)}.",
            hint=did_you_mean(name, EXECUTORS),
        )
    if jobs < 0:
        raise UsageError(
            f"The number of jobs is {jobs}; it must be 0 (let the executor choose) or more."
        )
