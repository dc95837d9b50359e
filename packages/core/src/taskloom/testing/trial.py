"""Trials of a task under test: to its end, up to a request to stop, or up to its death."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from taskloom.asking import resolve_values
from taskloom.bound import BoundTask
from taskloom.config import Config
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.context import LiveContext
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.lifecycle import construct, run_task
from taskloom.records.run_record import read_record
from taskloom.registry.entries import LoadedTask
from taskloom.request import RunOptions
from taskloom.runs import checkpoints
from taskloom.runs.layout import RunLayout
from taskloom.runs.record import begin_attempt
from taskloom.runs.run import Run
from taskloom.sinks.group import SinkGroup
from taskloom.task import Result

Line = tuple[int, tuple[tuple[str, float], ...]]


class KilledError(BaseException):
    """Ends an attempt at once, as a kill would."""


@dataclass
class PollLimit:
    """Asks the task to stop once it has been asked `limit` times; counts in any case."""

    limit: int | None = None
    asked: int = 0

    @property
    def requested(self) -> bool:
        """Return whether the task should stop."""
        self.asked += 1
        return self.limit is not None and self.asked > self.limit


class _DyingContext(LiveContext):
    """Dies at the `lines_left`-th line of metrics, before it is written."""

    lines_left = 0

    def log(self, step: int, /, **metrics: float) -> None:
        """Append a line, or die."""
        if self.lines_left <= 0:
            raise KilledError
        self.lines_left -= 1
        super().log(step, **metrics)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run.

    Attributes:
        result: What the task returned.
        lines: The metric lines, sorted: step and named values, without times.
        asked: How often the task asked whether to stop.
        logged: How many lines it logged.
    """

    result: Result
    lines: tuple[Line, ...]
    asked: int = 0
    logged: int = 0


@dataclass
class Trial:
    """One task with one small config.

    Attributes:
        loaded: The task.
        overrides: Parameters that make it small.
        varying: Patterns of metric names that differ from run to run, because they measure time.
        folder: An empty folder.
        stray: Files that the first run wrote outside of it.
    """

    loaded: LoadedTask
    overrides: Mapping[str, object]
    varying: Sequence[str]
    folder: Path
    stray: set[str] = field(default_factory=set, init=False)
    _stores: int = field(default=0, init=False)

    @cached_property
    def config(self) -> Config:
        """The small config."""
        return self.configure()

    @cached_property
    def run(self) -> Run:
        """A run through the whole lifecycle, with its report."""
        return run_task(self.loaded, self.config, RunOptions(store=self.new_store(), quiet=True))

    @cached_property
    def uninterrupted(self) -> Outcome:
        """The outcome of an undisturbed run."""
        return self.attempt(self.open(), PollLimit())

    @property
    def is_resumable(self) -> bool:
        """Return whether the task can continue from a checkpoint."""
        return self.construct().can_resume()

    def configure(self, **further: object) -> Config:
        """Return the small config with further changes."""
        return resolve_values(self.loaded.config_class, {**self.overrides, **further}).config

    def construct(self) -> BoundTask[Any, Config]:
        """Return a fresh task."""
        return construct(self.loaded, self.config)

    def new_store(self) -> Path:
        """Return a store that does not exist yet."""
        self._stores += 1
        return self.folder / f"store-{self._stores}"

    def open(self) -> RunLayout:
        """Make the folder of a new run."""
        return create_run(self.loaded, self.config, RunOptions(store=self.new_store()))

    def attempt(
        self,
        layout: RunLayout,
        stop: PollLimit,
        dies_after: int | None = None,
        sinks: SinkGroup | None = None,
    ) -> Outcome:
        """Run the task in the folder, from its newest checkpoint if it has one.

        Args:
            layout: The run's folder.
            stop: When to ask the task to stop.
            dies_after: The number of lines after which it is killed; None means never.
            sinks: Where metrics go besides the folder.

        Raises:
            KilledError: It was killed.
        """
        record = begin_attempt(read_record(layout.record))
        task = self.construct()
        checkpoint = checkpoints.newest_good(layout.checkpoints)
        kind: Callable[..., LiveContext] = LiveContext if dies_after is None else _DyingContext
        folder = checkpoint.dir if checkpoint else None
        ctx = kind(layout, record, SilentConsole(), stop, folder, sinks=sinks)
        if isinstance(ctx, _DyingContext):
            ctx.lines_left = dies_after or 0
        try:
            result = task.run(ctx, folder)
        finally:
            ctx.close()
        lines = self.lines(Run(layout.dir))
        return Outcome(result, lines, stop.asked, len(lines))

    def stop_and_resume(self, after: int) -> Outcome:
        """Ask the task to stop at its `after`-th question, then continue it to its end."""
        layout = self.open()
        self.attempt(layout, PollLimit(after))
        return self.attempt(layout, PollLimit())

    def kill_and_resume(self, after: int) -> Outcome:
        """Kill the task at its `after`-th line of metrics, then continue it to its end."""
        layout = self.open()
        with contextlib.suppress(KilledError):
            self.attempt(layout, PollLimit(), dies_after=after)
        return self.attempt(layout, PollLimit())

    def lines(self, run: Run) -> tuple[Line, ...]:
        """Return the run's metric lines, sorted, without times and varying metrics."""
        return tuple(
            sorted(
                (
                    int(row["step"]),
                    tuple(
                        sorted(
                            self.steady(
                                {k: v for k, v in row.items() if k not in ("step", "t")}
                            ).items()
                        )
                    ),
                )
                for row in run.history()
            )
        )

    def steady(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics that should not differ between two runs with the same config."""
        return {
            name: float(value)
            for name, value in metrics.items()
            if not any(fnmatchcase(name, pattern) for pattern in self.varying)
        }
