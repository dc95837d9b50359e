"""`tasks resume RUN|SWEEP`: continue from the newest checkpoint that verifies, or run what a sweep is missing."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, StoreOption, read_folder
from taskloom.cli.commands.run import show_run
from taskloom.cli.commands.study import end_study
from taskloom.cli.commands.study_options import StudyWords
from taskloom.cli.commands.sweep_board import open_board, print_sweep
from taskloom.cli.options import read_time
from taskloom.errors import UsageError
from taskloom.given.tasks import recorded_task
from taskloom.placement.executor import INLINE
from taskloom.placement.options import check_capture
from taskloom.request import RunOptions
from taskloom.resuming import Resumption, resume_run
from taskloom.runs.layout import default_store
from taskloom.runs.rebuild import lacks_record, rebuild_record
from taskloom.runs.run import Run, find_run
from taskloom.studies.perform import look_at_study, perform_study, reopen_study
from taskloom.studies.record import is_study
from taskloom.sweeps.ahead import lines_of, look_ahead, refuse_changes, to_run
from taskloom.sweeps.record import SweepRecord, find_sweep, read_sweep, with_call
from taskloom.sweeps.search import (
    is_search,
    read_search,
    refuse_changed_trials,
    run_search,
)
from taskloom.sweeps.sweep import check_version, run_sweep


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
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Go on although code, packages or inputs have changed, and record it.",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Run points of a sweep again whose runs would change."),
    ] = False,
    capture: Annotated[
        str,
        typer.Option(
            "--capture",
            metavar="yes|no",
            help="Keep what tasks print, or leave them the terminal.",
        ),
    ] = "yes",
    cwd: Annotated[
        Path | None,
        typer.Option(
            "--cwd",
            metavar="DIR",
            parser=read_folder,
            help="Folder that relative paths count from (else that of the run).",
        ),
    ] = None,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Continue a run or a sweep with the parameters that it has."""
    place = default_store(store)
    if parameters:
        raise UsageError(
            f"'{parameters[0].lstrip('-')}' cannot be changed: a run is resumed with the parameters it has.",
            hint="Start a new run from it: tasks run DOMAIN TASK --config RUN_DIR/config.toml --name=value",
        )
    if cwd is not None and not cwd.is_dir():
        raise UsageError(f"--cwd names {cwd}, which is no folder.")
    place_of = cwd.absolute() if cwd is not None else None
    check_capture(capture, INLINE)  # of a sweep, once its executor is known
    folder = find_sweep(reference, place)
    if folder is not None:
        call = RunOptions(
            accept=accept_changes, accept_changes=accept_changes, fresh=fresh, capture=capture
        )
        _resume_sweep(folder, executor, jobs, place_of, call, as_json=as_json)
        return
    if executor or jobs is not None or fresh:
        raise UsageError("--executor, --jobs and --fresh are for sweeps.")
    folder = find_run(reference, place)
    if lacks_record(folder):
        record = rebuild_record(folder)
        typer.echo(f"note: the record of {record.id} was missing and is written anew", err=True)
    asked = Resumption(
        accept_changes,
        place_of,
        read_time(time_limit),
        as_json,
        capture == "yes",
        ask if sys.stdin.isatty() else None,
    )
    _resume_run(Run(folder), asked)


# A parameter on this line deserves a better answer than "no such option"; see `resume`.
setattr(resume, "settings", {"ignore_unknown_options": True})  # noqa: B010 -- a function has no such attribute for a type checker


def ask(question: str) -> bool:
    """Ask a person who sits at a terminal."""
    return typer.confirm(question, err=True)


def _resume_run(run: Run, asked: Resumption) -> None:

    ended, is_new = resume_run(run, asked, say=lambda text: typer.echo(text, err=True))
    show_run(ended, as_json=asked.quiet, more={"reused": not is_new, "stale": list(ended.stale)})
    raise typer.Exit((ended.exit_code or 0) if is_new else 0)


def _resume_sweep(
    folder: Path,
    executor: str,
    jobs: int | None,
    cwd: Path | None,
    call: RunOptions,
    *,
    as_json: bool,
) -> None:

    def replaced(record: SweepRecord) -> SweepRecord:
        told = record.options
        options = dataclasses.replace(
            told,
            executor=executor or told.executor,
            jobs=told.jobs if jobs is None else jobs,
            cwd=cwd or told.cwd,
        )
        check_capture(call.capture, options.executor)
        return with_call(dataclasses.replace(record, options=options), call)

    if is_study(folder):
        _resume_study(folder, replaced(read_sweep(folder)), as_json=as_json)
    if is_search(folder):
        search = read_search(folder)
        search = dataclasses.replace(search, sweep=replaced(search.sweep))
        loaded = recorded_task(search.sweep)
        refuse_changed_trials(loaded, search, folder.parent)
        with open_board(search.goal.trials, quiet=as_json) as board:
            ended = run_search(loaded, search, folder.parent, board)
    else:
        record = replaced(read_sweep(folder))
        loaded = recorded_task(record)
        check_version(record, loaded)
        aheads = look_ahead(loaded, record, folder.parent)
        refuse_changes(record, aheads)
        for line in lines_of(aheads):
            typer.echo(line, err=True)
        with open_board(to_run(aheads), quiet=as_json) as board:
            board.say(f"sweep {record.id}: {len(record.points)} points")
            ended = run_sweep(loaded, record, folder.parent, board, aheads)
    print_sweep(ended, as_json=as_json)
    raise typer.Exit(int(ended.exit_code))


def _resume_study(folder: Path, record: SweepRecord, *, as_json: bool) -> None:
    loaded = recorded_task(record)
    options = dataclasses.replace(record.options, store=folder.parent)
    job = reopen_study(loaded, record, folder, options)
    aheads = look_at_study(job)
    refuse_changes(record, aheads)
    for line in lines_of(aheads):
        typer.echo(line, err=True)
    with open_board(to_run(aheads), quiet=as_json) as board:
        board.say(f"study {record.id}: {len(record.points)} points")
        # The first block may hold some of the points alone, so that it decides for itself.
        done = perform_study(job, board)
    end_study(done, StudyWords(), as_json=as_json)
