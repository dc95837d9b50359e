"""`tasks resume RUN|SWEEP`: continue from the newest checkpoint that verifies, or run what a sweep is missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, StoreOption
from taskloom.cli.commands.run import show_run
from taskloom.cli.options import read_time
from taskloom.errors import StoreLockedError, UsageError
from taskloom.runs.layout import default_store
from taskloom.runs.rebuild import lacks_record, rebuild_record
from taskloom.runs.run import Run, find_run


def resume(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SWEEP", help="An id, a unique part of one, @last, @-2, or a folder."
        ),
    ],
    parameters: Annotated[list[str], typer.Argument(metavar="", hidden=True)] = [],  # noqa: B006 -- Typer reads it
    *,
    time_limit: Annotated[
        str,
        typer.Option(
            "--time-limit", metavar="TIME", help="Ask the run to stop after this: 90s, 30m, 1h30m."
        ),
    ] = "",
    executor: Annotated[
        str,
        typer.Option("--executor", metavar="NAME", help="Continue a sweep on another executor."),
    ] = "",
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", help="How many runs of a sweep at a time.")
    ] = None,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Continue a run or a sweep with the parameters that it has."""
    from taskloom.sweeps.record import find_sweep

    place = default_store(store)
    if parameters:
        raise UsageError(
            f"'{parameters[0].lstrip('-')}' cannot be changed: a run is resumed with the parameters it has.",
            hint="Start a new run from it: tasks run DOMAIN TASK --config RUN_DIR/config.toml --name=value",
        )
    folder = find_sweep(reference, place)
    if folder is not None:
        _resume_sweep(folder, executor, jobs, as_json)
        return
    if executor or jobs is not None:
        raise UsageError("--executor and --jobs are for sweeps.")
    folder = find_run(reference, place)
    if lacks_record(folder):
        record = rebuild_record(folder)
        typer.echo(f"note: the record of {record.id} was missing and is written anew", err=True)
    _resume_run(Run(folder), read_time(time_limit), as_json)


# A parameter on this line deserves a better answer than "no such option"; see `resume`.
setattr(resume, "settings", {"ignore_unknown_options": True})  # noqa: B010 -- a function has no such attribute for a type checker


def _resume_run(run: Run, time_limit: float, as_json: bool) -> None:
    from taskloom.lifecycle.lifecycle import continue_run
    from taskloom.registry.resolve import find_task, load_task

    if run.status == "running":
        raise StoreLockedError(f"The run {run.id} is running; there is nothing to resume.")
    if run.status == "finished":
        typer.echo(f"note: the run {run.id} has finished; there is nothing to resume", err=True)
        show_run(run, as_json=as_json)
        return
    loaded = load_task(find_task(run.domain, run.task))
    run = continue_run(loaded, run.layout, quiet=as_json, time_limit=time_limit)
    show_run(run, as_json=as_json)
    raise typer.Exit(run.exit_code or 0)


def _resume_sweep(folder: Path, executor: str, jobs: int | None, as_json: bool) -> None:
    from taskloom.cli.commands.sweep_board import open_board, print_sweep
    from taskloom.registry.resolve import find_task, load_task
    from taskloom.sweeps.record import SweepRecord, read_sweep
    from taskloom.sweeps.search import is_search, read_search, run_search
    from taskloom.sweeps.sweep import run_sweep

    def replaced(record: SweepRecord) -> SweepRecord:
        told = record.options
        options = dataclasses.replace(
            told, executor=executor or told.executor, jobs=told.jobs if jobs is None else jobs
        )
        return dataclasses.replace(record, options=options)

    if is_search(folder):
        search = read_search(folder)
        search = dataclasses.replace(search, sweep=replaced(search.sweep))
        with open_board(search.goal.trials, quiet=as_json) as board:
            loaded = load_task(find_task(search.sweep.domain, search.sweep.task))
            ended = run_search(loaded, search, folder.parent, board)
    else:
        record = replaced(read_sweep(folder))
        with open_board(len(record.points), quiet=as_json) as board:
            board.say(f"sweep {record.id}: {len(record.points)} points")
            loaded = load_task(find_task(record.domain, record.task))
            ended = run_sweep(loaded, record, folder.parent, board)
    print_sweep(ended, as_json=as_json)
    raise typer.Exit(int(ended.exit_code))
