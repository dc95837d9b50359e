"""`tasks sweep DOMAIN TASK --param=a,b --seed=0:5`: every combination, a pairing, a sample, or a search."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from taskloom.answering import decision_document, decision_line
from taskloom.cli.annotations import AsJson
from taskloom.cli.argv import recorded_words
from taskloom.cli.commands.sweep_board import open_board, print_sweep
from taskloom.cli.options import takes_options
from taskloom.cli.output import print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import UsageError
from taskloom.params.grammar import UnreadableValueError, split
from taskloom.params.tree import leaf_texts
from taskloom.params.values import write_item
from taskloom.placement.options import checked_options
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store
from taskloom.sweeps.ahead import Ahead, lines_of, look_ahead, to_run
from taskloom.sweeps.axes import AxisReader
from taskloom.sweeps.expand import Axis, Choices, Plan, Point, values_of
from taskloom.sweeps.planfile import read_plan
from taskloom.sweeps.record import EXECUTOR, SweepRecord, create_sweep, with_call
from taskloom.sweeps.search import create_search, run_search
from taskloom.sweeps.sweep import plan_points, run_sweep
from taskloom.sweeps.trials import Goal

_ORDER = (
    "executor jobs fail_fast cpus gpus nodes memory time_limit sinks keep_best force fresh resume "
    "accept accept_changes claimed inputs cwd capture report dry_run store as_json"
)


@takes_options(_ORDER, without="name tags parent quiet", is_sweep=True)
def sweep(
    invocation: Invocation,
    options: RunOptions,
    *,
    config: Annotated[
        list[Path],
        typer.Option(
            "--config", metavar="FILE", help="Read parameters that all points share. Repeatable."
        ),
    ] = [],  # noqa: B006 -- Typer only reads it
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Read the sweep from a file.")
    ] = None,
    is_zip: Annotated[
        bool, typer.Option("--zip", help="Pair the values one to one instead of combining all.")
    ] = False,
    sample: Annotated[int, typer.Option("--sample", metavar="N", help="Draw N points.")] = 0,
    sample_seed: Annotated[
        int, typer.Option("--sample-seed", metavar="N", help="Seed of the draws.")
    ] = 0,
    optimize: Annotated[
        str,
        typer.Option(
            "--optimize", metavar="METRIC:max|min", help="Search with Optuna for the best metric."
        ),
    ] = "",
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", help="Points that a search tries.")
    ] = 20,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the points, and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a task at many points."""
    options = checked_options(options, executor=EXECUTOR)
    loaded, store = invocation.loaded, default_store(options.store)
    reader = AxisReader(invocation.parameters(), is_search=bool(optimize))
    fixed, axes = split_values(invocation, reader)
    below = _below(file, invocation, reader) if file else Plan()
    entry, goes_on = loaded.entry, not fail_fast
    words = recorded_words(invocation.words, invocation.parameters())
    origin = Origin(("tasks", "sweep", *loaded.words, *words))
    if optimize:
        if is_zip or sample or dry_run:
            raise UsageError("--optimize excludes --zip, --sample and --dry-run.")
        if below.points or below.is_zip or below.sample:
            raise UsageError(f"--optimize takes 'parameters' alone from {file}.")
        goal = Goal.parse(optimize, trials, sample_seed or below.sample_seed)
        varying = {**below.axes, **axes}
        search = create_search(
            loaded,
            goal,
            varying,
            fixed,
            options=options,
            origin=origin,
            files=config,
            keep_going=goes_on,
        )
        search = replace(search, sweep=with_call(search.sweep, options))
        with open_board(trials, quiet=as_json) as board:
            ended = run_search(loaded, search, store, board)
    else:
        if sample < 0:
            raise UsageError(f"--sample is {sample}; it must be 1 or more.")
        plan = Plan(
            {**below.axes, **axes},
            below.points,
            is_zip or below.is_zip,
            sample or below.sample,
            sample_seed or below.sample_seed,
        )
        points = plan_points(loaded, plan, fixed, config, options=options)
        if dry_run:
            asked = SweepRecord(
                "", entry.domain, entry.ref.name, entry.ref.version, tuple(points), options
            )
            _print_points(look_ahead(loaded, asked, store), as_json)
            return
        record = create_sweep(loaded, points, options, origin, keep_going=goes_on)
        record = with_call(record, options)
        aheads = look_ahead(loaded, record, store)
        for line in lines_of(aheads):
            typer.echo(line, err=True)
        with open_board(to_run(aheads), quiet=as_json) as board:
            board.say(f"sweep {record.id}: {len(points)} points")
            ended = run_sweep(loaded, record, store, board, aheads)
    print_sweep(ended, as_json=as_json)
    raise typer.Exit(int(ended.exit_code))


def listed_values(words: Sequence[str], of_command: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that are given to each parameter: the components among them decide which options a sweep has.

    Args:
        words: The words of the command line that give values to parameters.
        of_command: Those that may be options of the command, as `--file` is.
    """
    return {**_listed_in(_values(of_command).get("file", [])), **_values(words)}


def _values(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that the words give to each option."""
    values: dict[str, list[str]] = {}
    for word, follower in zip_longest(words, words[1:], fillvalue="--"):
        name, equals, text = word.removeprefix("--").partition("=")
        if word.startswith("--") and (equals or not follower.startswith("--")):
            with contextlib.suppress(UnreadableValueError):  # told of when the option is read
                values[name.removesuffix(".kind")] = split(text if equals else follower)
    return values


def _listed_in(files: Sequence[str]) -> dict[str, list[str]]:
    """Return every value that a sweep file gives to each parameter."""
    values: dict[str, list[str]] = {}
    for file in files:
        plan = read_plan(Path(file))
        points = [
            *plan.points,
            *(
                {path: text}
                for path, axis in plan.axes.items()
                if isinstance(axis, Choices)
                for text in axis.values
            ),
        ]
        for path, texts in values_of(points).items():
            values.setdefault(path.removesuffix(".kind"), []).extend(texts)
    return values


# See `taskloom.cli.task_command`: the options of every component that a sweep visits are shown and taken.
setattr(sweep, "listed_values", listed_values)  # noqa: B010 -- a function has no such attribute for a type checker


def split_values(invocation: Invocation, reader: AxisReader) -> tuple[Point, dict[str, Axis]]:
    """Tell parameters with one value from those with several."""
    fixed: Point = {}
    axes: dict[str, Axis] = {}
    for path, text in invocation.values.items():
        axis = reader.axis(path, text)
        if isinstance(axis, Choices) and len(axis.values) == 1:
            fixed[path] = axis.values[0]
        else:
            axes[path] = axis
    return fixed, axes


def _below(file: Path, invocation: Invocation, reader: AxisReader) -> Plan:
    """Return what a sweep file says about the parameters of which the command line says nothing."""
    plan = read_plan(file, reader)
    places = {item.path for item in invocation.parameters() if item.is_component}

    def spelled(path: str) -> str:
        place = path.removesuffix(".kind")
        return place if place in places else path

    axes = {spelled(path): axis for path, axis in plan.axes.items()}
    points = [{spelled(path): text for path, text in point.items()} for point in plan.points]
    said = invocation.values
    return replace(
        plan,
        axes={path: axis for path, axis in axes.items() if path not in said},
        points=[
            {path: text for path, text in point.items() if path not in said} for point in points
        ],
    )


def _print_points(aheads: Sequence[Ahead], as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "identity": ahead.point.identity,
                "config": dict(ahead.point.config),
                "decision": decision_document(ahead.decision),
            }
            for ahead in aheads
        ]
        print_json(rows)
        return
    for ahead in aheads:
        point, texts = ahead.point, leaf_texts(ahead.config, writer=write_item)
        said = [
            f"{path}={texts[path]}"
            for path, source in point.sources.items()
            if source == "command line"
        ]
        line = f"{point.identity[:10]}  {' '.join(said)}".rstrip()
        typer.echo(f"{line}  {decision_line(ahead.decision)}")
    typer.echo(f"note: {len(aheads)} points", err=True)
