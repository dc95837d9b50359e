"""The context of a running task: a folder, seeds, metrics, checkpoints, and the request to stop."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from taskloom.settling import settle


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of a run; a task passes them on to its framework (Lightning's devices, JAX's device list).

    Attributes:
        cpus: CPU cores; 0 means all that are visible.
        gpus: Accelerators.
        num_nodes: Machines.
        memory: Memory [bytes]; 0 means unlimited.
        time_limit: Wall-clock limit [s]; 0 means none.
    """

    cpus: int = 0
    gpus: int = 0
    num_nodes: int = 1
    memory: int = 0
    time_limit: float = 0.0

    def __post_init__(self) -> None:
        """Take each value as one of its type.

        Raises:
            UsageError: A value is of another type.
        """
        settle(self, Resources)


class Progress(Protocol):
    """Count of steps, shown while a run runs."""

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        ...


@runtime_checkable
class RunContext(Protocol):
    """Context that a task runs with. A test double is twenty lines."""

    @property
    def dir(self) -> Path:
        """The run's folder."""
        ...

    @property
    def resources(self) -> Resources:
        """Resources of the run."""
        ...

    @property
    def latest_checkpoint(self) -> Path | None:
        """The newest checkpoint whose hashes verify, or None."""
        ...

    @property
    def should_stop(self) -> bool:
        """Return whether the run was asked to end.

        A task that reads True publishes a checkpoint if it can and returns what it has; the run is then recorded as
        stopped. A task that never reads True and returns is recorded as finished.
        """
        ...

    def seed(self, name: str, /) -> int:
        """Return the seed in [0, 2**63) of the stream called `name`; see `taskloom.seeding.derive_seed`."""
        ...

    def log(self, step: int, /, **metrics: float) -> None:
        """Append one line of metrics; once this returns, the line survives the death of the process."""
        ...

    def artifact(self, name: str, /) -> Path:
        """Return the path at which to write the artifact called `name`; its folder exists."""
        ...

    def checkpoint(self, step: int, /) -> AbstractContextManager[Path]:
        """Yield an empty folder to write into; on leaving, its files are hashed and it is published by rename."""
        ...

    def progress(self, total: int | None, label: str, /) -> AbstractContextManager[Progress]:
        """Show a progress display while the block runs; `total` None means unknown."""
        ...
