"""Performing one run: in this process, or placed by an executor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskloom.cli.taskcommand import Invocation
from taskloom.context import Resources
from taskloom.errors import CheckFailedError, RunFailedError
from taskloom.execute import check_task_instance, run_task
from taskloom.params import Resolved
from taskloom.runs import Run, identity, index

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
    parent: str = ""
    quiet: bool = False

    @property
    def argv(self) -> list[str]:
        """The command line, for the record."""
        entry = self.invocation.loaded.entry
        return ["tasks", "run", entry.domain, entry.ref.name, *self.invocation.words]

    def finished_before(self) -> Run | None:
        """Return the newest finished run of the same identity, if there is one."""
        if not self.store.is_dir():
            return None
        entry = self.invocation.loaded.entry
        wanted = identity(entry.domain, entry.ref.name, entry.ref.version, self.resolved.config)
        for document in index.documents(self.store)[0]:
            if document.get("identity") == wanted and document.get("status") == "finished":
                return Run(self.store / str(document["folder"]))
        return None


def perform(order: Order) -> Run:
    """Run, and return the run when it is over.

    Raises:
        CheckFailedError: The task's own check found an error.
        RunFailedError: The task raised.
        StoreError: The store cannot be written.
    """
    if order.executor != INLINE:
        return _place(order)
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
        parent=order.parent,
        quiet=order.quiet,
    )


def _place(order: Order) -> Run:
    """Make the folder here, and let the executor find somebody who runs it."""
    from taskloom.execute.create import Origin, create_run
    from taskloom.execute.executor import open_executor
    from taskloom.execute.place import Placement

    executor = open_executor(order.executor, 1)
    try:
        findings = check_task_instance(order.invocation.loaded, order.resolved.config)
        errors = [finding.message for finding in findings if finding.level == "error"]
        if errors:
            raise CheckFailedError(" ".join(errors))
        origin = Origin(
            order.resolved.sources,
            order.argv,
            order.name,
            order.tags,
            order.parent,
            sinks=order.sinks,
        )
        config = order.resolved.config
        folder = create_run(
            order.invocation.loaded, config, order.store, origin, order.resources
        ).dir
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
        """Say where the run is, and that it was started again."""
        self._say(f"run {folder.name}" + (f" (attempt {attempt})" if attempt > 1 else ""))

    def ended(self, run: Run, /) -> None:
        """Say how it ended."""
        self._say(f"{run.status} after {run.record.duration:.1f} s")

    def tick(self) -> None:
        """Nothing moves in between."""

    def _say(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
