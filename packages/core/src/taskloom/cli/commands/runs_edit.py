"""`tasks runs ls|compare|diff|rm|tag|export|reindex`: query the store, and change what may be changed of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from taskloom.cli.annotations import AsJson, RunName, StoreOption
from taskloom.cli.commands.runs_ls import Selection, print_runs, quoted, select
from taskloom.cli.output import number, one_line, print_json, print_table
from taskloom.digits import digits
from taskloom.errors import RunNotFoundError, UsageError
from taskloom.records.folders import Damaged
from taskloom.records.run_record import read_run
from taskloom.runs.compare import Comparison, compare_runs
from taskloom.runs.edit import tag_run
from taskloom.runs.export import history_rows, run_rows, to_csv
from taskloom.runs.index import rebuild
from taskloom.runs.layout import default_store
from taskloom.runs.query import EXAMPLE
from taskloom.runs.removal import check_removable, folder_of, remove_runs
from taskloom.runs.run import Run, find_run, open_run
from taskloom.runs.writer import atomic_write
from taskloom.sinks.mlflow import export_run
from taskloom.sweeps.record import find_sweep

Where = Annotated[
    list[str],
    typer.Option(
        "--where",
        metavar="FILTER",
        help=f"Only runs for which this holds: '{EXAMPLE}'. Repeatable.",
    ),
]
RunNames = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="Ids, unique parts of one, @last, @-2, or run folders."),
]


def ls(
    *,
    where: Where = [],  # noqa: B006 -- Typer only reads it
    sort: Annotated[
        str, typer.Option("--sort", metavar="FIELD", help="Sort by a field; -FIELD the other way.")
    ] = "",
    task: Annotated[
        str, typer.Option("--task", metavar="DOMAIN[/TASK]", help="Only runs of this.")
    ] = "",
    status: Annotated[str, typer.Option("--status", help="Only runs in this status.")] = "",
    tag: Annotated[str, typer.Option("--tag", help="Only runs with this tag.")] = "",
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", help="Only N of them (50 by default); 0 for all."),
    ] = None,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Only finished runs that the same command would not return."),
    ] = False,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest last."""
    wanted = [*where]
    domain, _, name = task.partition("/")
    equals = {"domain": domain, "task": name, "status": status, "tags": tag}
    wanted += [f"{field} = {quoted(value)}" for field, value in equals.items() if value]
    print_runs(Selection(wanted, sort, limit, store, as_json, stale))


def compare(runs: RunNames, store: StoreOption = None, as_json: AsJson = False) -> None:
    """Put runs side by side: the parameters that differ, and every metric."""
    _print_comparison(compare_runs([open_run(run, store) for run in runs]), as_json)


def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another run.")],
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what two runs differ in: task, version and code, parameters, and metrics with their change."""
    found = compare_runs([open_run(first, store), open_run(second, store)])
    metrics = {name: values for name, values in found.metrics.items() if values[0] != values[1]}
    if as_json:
        told = {"facts": found.facts, "parameters": found.parameters, "metrics": metrics}
        print_json({"runs": found.ids, **told})
        return
    rows = [
        (path, *(_text(value) for value in values), "")
        for path, values in [*found.facts.items(), *found.parameters.items()]
    ]
    rows += [
        (name, *(_metric(value) for value in values), _change(*values))
        for name, values in metrics.items()
    ]
    if rows:
        print_table(("", *found.ids, "change"), rows)
    else:
        typer.echo("note: the runs differ in nothing", err=True)


def rm(
    runs: RunNames,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Remove runs and sweeps of the store for good; a sweep's runs stay."""
    place = default_store(store)
    found = list(dict.fromkeys(_removable(run, place) for run in runs))
    for folder in found:
        check_removable(folder, place)
    if not yes:
        _confirm(found)
    remove_runs(found, place)
    for folder in found:
        typer.echo(f"removed {folder.name}", err=True)


def tag(
    run: RunName,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags to add.")] = [],  # noqa: B006 -- Typer's own classes
    remove: Annotated[
        list[str], typer.Option("--remove", metavar="TAG", help="Take a tag off. Repeatable.")
    ] = [],  # noqa: B006 -- Typer's own classes
    store: StoreOption = None,
) -> None:
    """Add tags to a run, or take them off, and print those it has."""
    typer.echo(" ".join(tag_run(open_run(run, store), tags, remove)))


def export(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="[RUN...]", help="Runs; all of the store if none is named."),
    ] = [],  # noqa: B006 -- Typer's own classes
    *,
    where: Where = [],  # noqa: B006 -- Typer's own classes
    kind: Annotated[
        Literal["csv", "json", "jsonl", "mlflow"], typer.Option("--format", help="What to write.")
    ] = "csv",
    history: Annotated[
        bool, typer.Option("--history", help="One row for each metric line, not for each run.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here instead of to stdout."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write runs as a table for other programs."""
    found = _chosen(runs, where, store)
    if kind == "mlflow":
        _export_to_mlflow(found, output)
        return
    left_out: list[Damaged] = []
    rows = history_rows(found, left_out) if history else run_rows(found)
    _warn(left_out, default_store(store))
    if kind == "csv":
        text = to_csv(rows)
    elif kind == "json":
        text = json.dumps(rows, indent=2) + "\n"
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
    if output is None:
        sys.stdout.write(text)
    else:
        atomic_write(output, text)


def reindex(store: StoreOption = None) -> None:
    """Throw the store's index away and read every folder anew."""
    place = default_store(store)
    count, damaged = rebuild(place)
    _warn(damaged, place)
    typer.echo(f"{count} runs in {place}")


def _chosen(runs: Sequence[str], where: Sequence[str], store: Path | None) -> list[Run]:
    if runs and where:
        raise UsageError("Name runs or give --where, not both.")
    if runs:
        return [open_run(run, store) for run in runs]
    place = default_store(store)
    rows, _, damaged = select(place, Selection(list(where), limit=0, store=store))
    readable = []
    for row in rows:
        record = read_run(place / row["folder"])
        if isinstance(record, Damaged):  # since it was listed
            damaged.append(record)
        else:
            readable.append(Run(place / record.id, record))
    _warn(damaged, place)
    return readable


def _warn(damaged: Sequence[Damaged], store: Path) -> None:
    """Name the folders that were left out, on stderr."""
    for item in damaged:
        told = f"warning: {store / item.folder} is left out: {item.reason}"
        typer.echo(one_line(told), err=True)


def _removable(reference: str, store: Path) -> Path:
    """Return the folder that a reference names; a path is taken as it stands, so that no link is followed to a run."""
    if "/" in reference or reference in (".", ".."):
        return folder_of(reference)
    try:
        return find_run(reference, store)
    except RunNotFoundError:
        sweep = find_sweep(reference, store)
        if sweep is None:
            raise
        return sweep


def _export_to_mlflow(runs: Sequence[Run], output: Path | None) -> None:
    if output is None:
        raise UsageError(
            "--format mlflow needs --output DIR, the folder that MLflow keeps its runs in."
        )
    for run in runs:
        export_run(run, output)
        typer.echo(f"exported {run.id}", err=True)


def _confirm(runs: Sequence[Path]) -> None:
    shown = ", ".join(run.name for run in runs[:3]) + (", ..." if len(runs) > 3 else "")
    if not sys.stdin.isatty():
        raise UsageError(f"Removing {shown} needs --yes where there is no terminal to ask on.")
    if not typer.confirm(f"Remove {len(runs)} run(s) for good: {shown}?", err=True):
        raise typer.Exit(1)


def _print_comparison(found: Comparison, as_json: bool) -> None:
    if as_json:
        told = {"facts": found.facts, "parameters": found.parameters, "metrics": found.metrics}
        print_json({"runs": found.ids, **told})
        return
    rows = [
        (path, *(_text(value) for value in values))
        for path, values in [*found.facts.items(), *found.parameters.items()]
    ]
    rows += [
        (name, *(_metric(value) for value in values)) for name, values in found.metrics.items()
    ]
    print_table(("", *found.ids), rows)


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _metric(value: float | None) -> str:
    return "" if value is None else number(value)


def _change(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else digits(after - before, 4, sign=True)
