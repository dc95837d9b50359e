"""`tasks runs release`: declare a run dead whose machine cannot be asked."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from taskloom.cli.annotations import RunName, StoreOption
from taskloom.errors import StoreLockedError, UsageError
from taskloom.runs import claims
from taskloom.runs.holders import holder_name, read_holder
from taskloom.runs.locks import declare_dead
from taskloom.runs.run import open_run


def release(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Declare the process of a run dead, so that the run can be resumed at once.

    A run of another machine shows `running?` until its heartbeat has been observed for a minute. If its process lives all the
    same, it notices, publishes nothing more and ends with exit code 5.
    """
    opened = open_run(run, store)
    if opened.status not in ("running", "running?"):
        typer.echo(f"note: the run {opened.id} is {opened.status}; nothing holds it", err=True)
        return
    if opened.status == "running":
        raise StoreLockedError(
            f"The run {opened.id} is alive: {holder_name(read_holder(opened.layout.lock))} holds it.",
            hint="Stop that process; its run can be resumed then.",
        )
    if not yes:
        _confirm(opened.id, holder_name(read_holder(opened.layout.lock)))
    store_dir, identity = opened.dir.parent, opened.record.identity
    holder = claims.holder(store_dir, identity)
    if holder is not None and holder.run == opened.id:
        declare_dead(claims.claim_path(store_dir, identity))
    declare_dead(opened.layout.lock)
    typer.echo(f"released {opened.id}; continue it with: tasks resume {opened.id}", err=True)


def _confirm(run: str, holder: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"Releasing {run} needs --yes where there is no terminal to ask on.")
    if not typer.confirm(f"Is {holder} dead, which ran {run}?", err=True):
        raise typer.Exit(1)
