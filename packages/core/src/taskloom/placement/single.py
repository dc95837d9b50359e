"""One run, placed by an executor: its folder is made here, and a worker runs it there."""

from __future__ import annotations

import sys
from pathlib import Path

from taskloom.config import Config
from taskloom.errors import RunFailedError
from taskloom.lifecycle.console import open_console
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.lifecycle import prepare
from taskloom.lifecycle.refusal import recorded_refusals
from taskloom.placement.executor import open_executor
from taskloom.placement.place import Placement
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import RunLayout
from taskloom.runs.run import Run
from taskloom.sinks.sink import check_sinks


class PlacementLog:
    """Watcher that writes a line to stderr for each run that is started again, and for each that ends.

    Args:
        quiet: Write nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def placed(self, folder: Path, attempt: int, /) -> None:
        """Write that the run was started again."""
        if attempt > 1:
            self.say(f"run {folder.name} (attempt {attempt})")

    def ended(self, run: Run, /) -> None:
        """Write how it ended."""
        self.say(f"{run.status} {run.id} after {run.record.duration:.1f} s")

    def tick(self) -> None:
        """Nothing moves in between."""

    def say(self, text: str) -> None:
        """Write a line."""
        if not self._quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def make_folder(
    loaded: LoadedTask, config: Config, options: RunOptions, origin: Origin
) -> RunLayout:
    """Make the folder of a run, in status `created`, and write its id to stderr.

    Raises:
        StoreError: The store cannot be written.
    """
    layout = create_run(loaded, config, options, origin)
    PlacementLog(quiet=options.quiet).say(f"run {layout.dir.name}")
    return layout


def place_run(
    loaded: LoadedTask,
    config: Config,
    options: RunOptions,
    origin: Origin,
    begun: RunLayout | None = None,
) -> Run:
    """Run a task where the options say, and return the run when it is over.

    Args:
        loaded: The task.
        config: Its resolved config.
        options: How the run is kept and placed; they name the executor.
        origin: Who asked for it.
        begun: The folder of an identical run to go on with.

    Raises:
        CheckFailedError: The task's own check found an error.
        RunFailedError: The run did not finish.
        StoreError: The store cannot be written.
    """
    executor = open_executor(options.executor, 1)
    made: list[RunLayout] = [] if begun is None else [begun]

    def layout() -> RunLayout:
        if not made:
            made.append(make_folder(loaded, config, options, origin))
        return made[0]

    try:
        check_sinks(options.sinks)
        # Checked here too: where it cannot run, no machine has to be asked for.
        with recorded_refusals(layout):
            prepare(loaded, config, open_console(quiet=options.quiet))
        log = PlacementLog(quiet=options.quiet)
        Placement(executor, options.resources, log).run(iter([layout().dir]))
    finally:
        executor.close()
    run = Run(layout().dir)
    if run.status in ("finished", "stopped"):
        return run
    failure = run.record.failure
    reason = f"{failure.type}: {failure.message}" if failure else f"it is {run.status}"
    raise RunFailedError(
        f"The run {run.id} did not finish: {reason} (log: {run.layout.log}).",
        hint=f"Continue it with: tasks resume {run.id}",
    )
