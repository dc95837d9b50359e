"""`tasks study DOMAIN TASK --assistant=big,none --seed=0:10 --metric rounds/mean`: factors x seeds, compared."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from taskloom.answering import decision_document, decision_line
from taskloom.cli.annotations import AsJson, ConfigFiles
from taskloom.cli.argv import recorded_words
from taskloom.cli.commands import study_options as given
from taskloom.cli.commands.sweep import listed_values, split_values
from taskloom.cli.commands.sweep_board import open_board
from taskloom.cli.options import takes_options
from taskloom.cli.output import print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import MissingExtraError, UsageError
from taskloom.params.grammar import is_integer
from taskloom.placement.options import checked_options
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store
from taskloom.studies.looking import check_seeds
from taskloom.studies.perform import begin_study, look_at_study, perform_study
from taskloom.studies.planning import SEED, StudyPlan, plan_study
from taskloom.studies.study import Study
from taskloom.studies.values import label
from taskloom.sweeps.ahead import lines_of, look_ahead
from taskloom.sweeps.axes import AxisReader
from taskloom.sweeps.expand import Axis, Choices, Point
from taskloom.sweeps.metric import check_metric
from taskloom.sweeps.record import EXECUTOR, SweepRecord

_ORDER = (
    f"{given.QUESTION} executor jobs fail_fast cpus gpus nodes memory time_limit sinks keep_best force fresh resume "
    "accept accept_changes claimed inputs cwd capture report dry_run store as_json"
)
_SEEDS = tuple(str(seed) for seed in range(10))


@takes_options(_ORDER, without="name tags parent quiet", is_sweep=True)
@given.takes_question(looks=True)
def study(
    invocation: Invocation,
    options: RunOptions,
    *,
    asked: given.StudyWords,
    config: ConfigFiles = [],  # noqa: B006 -- Typer only reads it
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the points, and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a task at many levels and seeds, and compare them."""
    question = asked.question()
    options = checked_options(options, executor=EXECUTOR)
    loaded = invocation.loaded
    fixed, axes = split_values(invocation, AxisReader(invocation.parameters()))
    seeds = _seeds(fixed, axes)
    factors = {path: axis for path, axis in axes.items() if isinstance(axis, Choices)}
    if len(factors) < len(axes):
        drawn = next(path for path in axes if path not in factors)
        raise UsageError(
            f"--{drawn} is a range to draw from, and a factor has levels: --{drawn}=a,b."
        )
    plan = plan_study(loaded, factors, fixed, seeds[0], options=options, files=config)
    check_metric(loaded, question.metric, plan.first_config, "--metric")
    if dry_run:
        _print_points(plan, seeds, as_json=as_json)
        return
    words = recorded_words(invocation.words, invocation.parameters())
    origin = Origin(("tasks", "study", loaded.entry.domain, loaded.entry.ref.name, *words))
    job = begin_study(plan, question, seeds, origin, keep_going=not fail_fast)
    aheads = look_at_study(job)
    for line in lines_of(aheads):
        typer.echo(line, err=True)
    with open_board(len(aheads), quiet=as_json) as board:
        board.say(f"study {job.sweep.id}: {len(plan.cells)} combinations, {len(seeds)} seeds")
        done = perform_study(job, board, aheads)
    end_study(done, asked, as_json=as_json)


# See `taskloom.cli.task_command`: the options of every component that a study visits are shown and taken.
setattr(study, "listed_values", listed_values)  # noqa: B010 -- a function has no such attribute for a type checker


def end_study(study: Study, asked: given.StudyWords, *, as_json: bool) -> None:
    """Print a study that was run, write its page, and exit."""
    given.print_study(study, asked, as_json=as_json)
    with suppress(MissingExtraError):
        typer.echo(f"report {study.report()}", err=True)
    if study.exit_code:
        typer.echo(f"note: continue with: tasks resume {study.id}", err=True)
    raise typer.Exit(int(study.exit_code))


def _seeds(fixed: Point, axes: dict[str, Axis]) -> list[int]:
    """Take the seeds out of what the command line says, and return them."""
    axis = axes.pop(SEED, None)
    texts = (
        axis.values
        if isinstance(axis, Choices)
        else (fixed.pop(SEED),)
        if SEED in fixed
        else _SEEDS
    )
    if axis is not None and not isinstance(axis, Choices):
        raise UsageError("--seed is a range to draw from; write seeds as --seed=0:10.")
    wrong = next((text for text in texts if not is_integer(text)), None)
    if wrong is not None:
        raise UsageError(f"--seed is {wrong!r}; seeds are whole numbers: --seed=0:10.")
    return check_seeds([int(text) for text in texts])


def _print_points(plan: StudyPlan, seeds: list[int], *, as_json: bool) -> None:
    """Print what would be done about each run."""
    entry, store = plan.loaded.entry, default_store(plan.options.store)
    batch = plan.block(seeds)
    points = tuple(point for _, _, point in batch)
    record = SweepRecord("", entry.domain, entry.ref.name, entry.ref.version, points, plan.options)
    decided = {ahead.point.identity: ahead for ahead in look_ahead(plan.loaded, record, store)}
    if as_json:
        print_json(
            [
                {
                    "identity": point.identity,
                    "levels": dict(zip(plan.factors, levels, strict=True)),
                    "seed": seed,
                    "decision": decision_document(decided[point.identity].decision),
                }
                for levels, seed, point in batch
            ]
        )
        return
    for levels, seed, point in batch:
        said = " ".join(f"{f}={label(v)}" for f, v in zip(plan.factors, levels, strict=True))
        words = f"{said} seed={seed}".strip()
        typer.echo(
            f"{point.identity[:10]}  {words}  {decision_line(decided[point.identity].decision)}"
        )
    typer.echo(f"note: {len(batch)} points", err=True)
