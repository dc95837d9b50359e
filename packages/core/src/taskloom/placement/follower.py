"""The other processes of a run that is split over several: they compute what rank 0 computes with them, and record nothing.

Every process runs the task from the same folder with the same seeds; what differs is the rank, which the task's framework
knows. Rank 0 holds the run's lock, logs, publishes and writes the record. What a follower writes goes into a folder of its own
that is deleted.

Where the run goes on from is for rank 0 to say: it settles what a killed attempt left behind, and the newest checkpoint may be
another one afterwards. Processes that began at two checkpoints would wait for each other, or train different networks.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from taskloom.bound import BoundTask
from taskloom.context import Progress, Resources
from taskloom.devices import launch
from taskloom.errors import ExitCode, ProcessLostError
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.context import Stop
from taskloom.lifecycle.signals import StopRequest
from taskloom.records.names import check_metric_name
from taskloom.records.run_record import read_record
from taskloom.runs.holders import is_holder_running, read_holder
from taskloom.runs.layout import RunLayout, inside
from taskloom.runs.record import RunRecord
from taskloom.seeding import derive_seed

PATIENCE = 600.0
"""Time that rank 0 may take until it begins, from the moment another process is ready [s]."""
_PERIOD = 0.05  # [s] between two looks


class FollowerContext:
    """Context of a task in a process that records nothing.

    Args:
        layout: The run's folder.
        record: The run's record.
        scratch: An empty folder for what is written.
        stop: Whether the run should end.
        checkpoint: The checkpoint that the run goes on from, or None.
    """

    def __init__(
        self,
        layout: RunLayout,
        record: RunRecord,
        scratch: Path,
        stop: Stop,
        checkpoint: Path | None,
    ) -> None:
        self._layout = layout
        self._record = record
        self._scratch = RunLayout(scratch)
        self._stop = stop
        self._checkpoint = checkpoint
        self._console = SilentConsole()

    @property
    def dir(self) -> Path:
        """A folder of this process."""
        return self._scratch.dir

    @property
    def resources(self) -> Resources:
        """Resources of the run."""
        return self._record.resources

    @property
    def latest_checkpoint(self) -> Path | None:
        """The checkpoint that the run goes on from, or None."""
        return self._checkpoint

    @property
    def should_stop(self) -> bool:
        """Return whether this process was asked to end; the framework has to agree with the others on it."""
        return self._stop.requested

    def seed(self, name: str, /) -> int:
        """Return the seed of the stream called `name`, the same in every process."""
        root = self._record.config.get("seed", 0)
        return derive_seed(root if isinstance(root, int) else 0, name)

    def log(self, step: int, /, **metrics: float) -> None:
        """Check the names; rank 0 writes the line."""
        del step
        for name in metrics:
            check_metric_name(name)

    def artifact(self, name: str, /) -> Path:
        """Return a path in this process's own folder."""
        path = inside(self._scratch.artifacts, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def checkpoint(self, step: int, /) -> Iterator[Path]:
        """Yield a folder that is deleted."""
        with tempfile.TemporaryDirectory(dir=self._scratch.dir, prefix=f"{step}-") as folder:
            yield Path(folder)

    def progress(self, total: int | None, label: str, /) -> AbstractContextManager[Progress]:
        """Show nothing."""
        return self._console.progress(total, label)


def follow(task: BoundTask[Any, Any], layout: RunLayout, record: RunRecord) -> ExitCode:
    """Run the task beside rank 0, from where rank 0 begins.

    Raises:
        ProcessLostError: Rank 0 does not begin, or has ended.
        Exception: Whatever the task raises; rank 0 then notices that a process is missing.
    """
    try:
        checkpoint = beginning(layout, record)
    except ProcessLostError:
        # A short run may be over before a slow machine has started this process, if its task does not wait for the others.
        if read_record(layout.record).status == "finished":
            return ExitCode.OK
        raise
    stop = StopRequest(graceful=task.can_resume())
    with tempfile.TemporaryDirectory(prefix="taskloom-") as scratch:
        ctx = FollowerContext(layout, record, Path(scratch), stop, checkpoint)
        with stop.installed(record.resources.time_limit):
            task.run(ctx, checkpoint)
    return stop.exit_code if stop.noticed else ExitCode.OK


def beginning(layout: RunLayout, record: RunRecord, patience: float = PATIENCE) -> Path | None:
    """Wait until rank 0 has begun, and return the checkpoint that it goes on from; None at the start.

    What a killed attempt said stays in the lock, so that words count only if their holder is alive. On its own machine the kernel
    knows that. Words of another machine's process count if they are written, or their heartbeat changes, while this process waits:
    what was seen of it earlier says nothing, nor does a lock that rank 0 holds before it has signed it.

    Args:
        layout: The run's folder.
        record: The run's record as this process found it.
        patience: How long to wait [s].

    Raises:
        ProcessLostError: Rank 0 does not begin in that time, or has ended.
    """
    deadline = time.monotonic() + patience
    beat, first = _beat(layout.lock), read_holder(layout.lock)
    while time.monotonic() < deadline:
        holder, now = read_holder(layout.lock), read_record(layout.record)
        runs, is_new = is_holder_running(holder), holder != first
        is_alive = runs if runs is not None else is_new or _beat(layout.lock) != beat
        if "begins" in holder and is_alive and read_holder(layout.lock) == holder:
            return layout.checkpoints / str(holder["begins"]) if holder["begins"] else None
        # An attempt that lost a process has ended too, though its record stays `running`.
        has_ended = _state(now) != _state(record) and bool(now.ended or now.status != "running")
        if has_ended or (is_new and runs is False):
            raise ProcessLostError(
                f"The run {record.id} ended before process {launch().rank} had begun."
            )
        time.sleep(_PERIOD)
    raise ProcessLostError(
        f"The process of rank 0 has not begun the run {record.id} within {patience:g} s of process {launch().rank}."
    )


def _state(record: RunRecord) -> tuple[int, str, str]:
    return record.attempts, record.status, record.ended


def _beat(path: Path) -> int:
    """Return the time of the last heartbeat in the lock, by the clock of its file system [ns]; 0 without a lock."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
