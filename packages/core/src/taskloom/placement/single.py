"""One run, placed by an executor: its folder is made here, and a worker runs it there."""

from __future__ import annotations

import sys
from pathlib import Path

from taskloom.config import Config
from taskloom.errors import RunFailedError
from taskloom.identity.identify import Identified
from taskloom.lifecycle.console import VOICE
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.refusal import refusal_of
from taskloom.placement.executor import Executor
from taskloom.placement.place import Placement
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import RunLayout
from taskloom.runs.output import last_words
from taskloom.runs.run import Run


class PlacementLog:
    """Watcher that tells a line, on stderr or by the voice of a call, for each run that is started again, and for each that ends.

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
        refused = refusal_of(run) if run.record.sweep else ""
        told = f"{run.status} {run.id} after {run.record.duration:.1f} s"
        self.say(f"refused: {refused}" if refused else told)

    def tick(self) -> None:
        """Nothing moves in between."""

    def say(self, text: str) -> None:
        """Write a line."""
        voice = VOICE.get()
        if voice is not None:
            voice.say(text)
        elif not self._quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def make_folder(
    loaded: LoadedTask,
    config: Config,
    options: RunOptions,
    origin: Origin,
    now: Identified | None = None,
) -> RunLayout:
    """Make the folder of a run, in status `created`, and write its id to stderr.

    Raises:
        StoreError: The store cannot be written.
    """
    layout = create_run(loaded, config, options, origin, now=now)
    PlacementLog(quiet=options.quiet).say(f"run {layout.dir.name}")
    return layout


def place_run(layout: RunLayout, options: RunOptions, executor: Executor) -> Run:
    """Run a folder where the options say, and return the run when it is over.

    Args:
        layout: The run's folder.
        options: How the run is kept and placed.
        executor: Where it runs.

    Raises:
        RunFailedError: The run did not finish.
        StoreError: The store cannot be written.
    """
    log = PlacementLog(quiet=options.quiet)
    Placement(executor, options.resources, log).run(iter([layout.dir]))
    run = Run(layout.dir)
    if run.status in ("finished", "stopped"):
        return run
    failure = run.record.failure
    words = last_words(run)
    lost = f"it is {run.status}; its process was lost: {words}" if words else f"it is {run.status}"
    reason = f"{failure.type}: {failure.message}" if failure else lost
    raise RunFailedError(
        f"The run {run.id} did not finish: {reason} (log: {run.layout.log}).",
        hint=f"Continue it with: tasks resume {run.id}",
    )
