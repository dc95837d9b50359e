"""Performing one run: in this process, or placed by an executor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskloom.cli.task_command import Invocation
from taskloom.context import Resources
from taskloom.errors import RunFailedError
from taskloom.lifecycle.create import Origin, create_run
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.params import Resolved
from taskloom.runs import Run, RunLayout, identity, index

INLINE = "inline"


@dataclass(frozen=True, slots=True)
class Order:
    """A run that somebody asked for.

    Attributes:
        invocation: The task and the command line.
        resolved: The config.
        store: Where its folder goes.
        name: A name for people.
        tags: Labels for people.
        resources: What it may use.
        executor: Where it is placed.
        sinks: Where its metrics go besides its folder.
        keep_best: Which checkpoint it keeps besides the newest ones; or empty.
        parent: The id of the run that this one goes on from.
        quiet: Say nothing while it runs.
    """

    invocation: Invocation
    resolved: Resolved
    store: Path
    name: str = ""
    tags: Sequence[str] = ()
    resources: Resources = Resources()  # noqa: RUF009 -- frozen
    executor: str = INLINE
    sinks: Sequence[str] = ()
    keep_best: str = ""
    parent: str = ""
    quiet: bool = False

    @property
    def argv(self) -> list[str]:
        """The command line, for the record."""
        entry = self.invocation.loaded.entry
        return ["tasks", "run", entry.domain, entry.ref.name, *self.invocation.words]

    def make_folder(self) -> RunLayout:
        """Make the run's folder, in status `created`."""
        origin = Origin(
            self.resolved.sources,
            self.argv,
            self.name,
            self.tags,
            self.parent,
            sinks=self.sinks,
            keep_best=self.keep_best,
        )
        layout = create_run(
            self.invocation.loaded, self.resolved.config, self.store, origin, self.resources
        )
        if not self.quiet:
            sys.stderr.write(f"run {layout.dir.name}\n")
        return layout

    def finished_before(self) -> Run | None:
        """Return the newest finished run of the same identity, if there is one."""
        return self._before(is_finished=True)

    def begun_before(self) -> Run | None:
        """Return the newest run of the same identity that has not finished, if there is one."""
        return self._before(is_finished=False)

    def _before(self, *, is_finished: bool) -> Run | None:
        if not self.store.is_dir():
            return None
        entry = self.invocation.loaded.entry
        wanted = identity(entry.domain, entry.ref.name, entry.ref.version, self.resolved.config)
        for document in index.documents(self.store)[0]:
            if (
                document.get("identity") == wanted
                and (document.get("status") == "finished") is is_finished
            ):
                return Run(self.store / str(document["folder"]))
        return None


def perform(order: Order, begun: Run | None = None) -> Run:
    """Run, and return the run when it is over.

    Args:
        order: What was asked for.
        begun: An identical run to go on with.

    Raises:
        CheckFailedError: The task's own check found an error.
        RunFailedError: The task raised.
        StoreError: The store cannot be written.
        StoreLockedError: Another process is running it.
    """
    if order.executor != INLINE:
        return _place(order, begun)
    if begun is not None:
        limit = order.resources.time_limit
        loaded = order.invocation.loaded
        return continue_run(loaded, begun.layout, quiet=order.quiet, time_limit=limit)
    return run_task(
        order.invocation.loaded,
        order.resolved.config,
        store=order.store,
        sources=order.resolved.sources,
        argv=order.argv,
        name=order.name,
        tags=order.tags,
        resources=order.resources,
        sinks=order.sinks,
        keep_best=order.keep_best,
        parent=order.parent,
        quiet=order.quiet,
    )


def _place(order: Order, begun: Run | None) -> Run:
    """Make the folder here, and let the executor find somebody who runs it."""
    from taskloom.lifecycle.console import open_console
    from taskloom.lifecycle.lifecycle import prepare
    from taskloom.lifecycle.refusal import recorded_refusals
    from taskloom.placement.executor import open_executor
    from taskloom.placement.place import Placement
    from taskloom.sinks.sink import check_sinks

    executor = open_executor(order.executor, 1)
    loaded, config = order.invocation.loaded, order.resolved.config
    try:
        check_sinks(order.sinks)
        # Checked here too: where it cannot run, no machine has to be asked for.
        with recorded_refusals(lambda: begun.layout if begun else order.make_folder()):
            prepare(loaded, config, open_console(quiet=order.quiet))
        folder = begun.dir if begun else order.make_folder().dir
        Placement(executor, order.resources, _Teller(order.quiet)).run(iter([folder]))
    finally:
        executor.close()
    run = Run(folder)
    if run.status in ("finished", "stopped"):
        return run
    failure = run.record.failure
    reason = f"{failure.type}: {failure.message}" if failure else f"it is {run.status}"
    raise RunFailedError(
        f"The run {run.id} did not finish: {reason} (log: {run.layout.log}).",
        hint=f"Continue it with: tasks resume {run.id}",
    )


class _Teller:
    """Says on stderr what becomes of the run."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def placed(self, folder: Path, attempt: int, /) -> None:
        """Say that the run was started again."""
        if attempt > 1:
            self._say(f"run {folder.name} (attempt {attempt})")

    def ended(self, run: Run, /) -> None:
        """Say how it ended."""
        self._say(f"{run.status} after {run.record.duration:.1f} s")

    def tick(self) -> None:
        """Nothing moves in between."""

    def _say(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
