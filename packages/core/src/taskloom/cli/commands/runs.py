"""`tasks runs show|path|log`: look at one run."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from taskloom.cli.annotations import AsJson, RunName, StoreOption
from taskloom.cli.output import number, one_line, print_json
from taskloom.errors import RunCorruptError, UnknownNameError, UsageError
from taskloom.records.documents import read_lines, read_object
from taskloom.registry.suggest import did_you_mean
from taskloom.runs.layout import default_store
from taskloom.runs.output import follow_output, read_output
from taskloom.runs.provenance import commit_of
from taskloom.runs.run import open_run

if TYPE_CHECKING:
    from taskloom.runs.run import Run


def show(run: RunName, store: StoreOption = None, as_json: AsJson = False) -> None:
    """Show one run: how it ended, its config, metrics and artifacts."""
    opened = open_run(run, default_store(store))
    record = opened.record
    if as_json:
        document = dataclasses.asdict(record) | {"status": opened.status, "dir": str(opened.dir)}
        print_json(
            document | {"artifacts": {key: str(path) for key, path in opened.artifacts.items()}}
        )
        return
    facts = {
        "run": opened.id,
        "task": f"{opened.domain}/{opened.task} (version {record.version})",
        "status": opened.status,
        "name": record.name,
        "tags": ", ".join(record.tags),
        "summary": opened.summary,
        "started": record.started,
        "ended": record.ended,
        "duration": f"{record.duration:.1f} s" if record.ended else "",
        "config id": record.config_id[:10],
        "identity": record.identity[:10],
        "computation": record.computation[:10],
        "git": _commit(opened),
        "folder": str(opened.dir),
        "command": shlex.join(record.argv),
        "code": opened.code,
        "output": f"not kept: {record.output}" if record.output else "",
    }
    if record.failure is not None:
        facts["failure"] = f"{record.failure.type}: {record.failure.message}"
    _section("", {key: value for key, value in facts.items() if value})
    _section("metrics", {key: number(value) for key, value in opened.metrics.items()})
    _section("config", _config_rows(opened))
    _section("artifacts", {key: str(path) for key, path in opened.artifacts.items()})


def path(
    run: RunName,
    artifact: Annotated[str | None, typer.Argument(help="An artifact's name.")] = None,
    store: StoreOption = None,
) -> None:
    """Print the folder of a run, or the path of one of its artifacts."""
    opened = open_run(run, default_store(store))
    if artifact is None:
        typer.echo(str(opened.dir))
        return
    if artifact not in opened.artifacts:
        names = ", ".join(opened.artifacts) or "none"
        raise UnknownNameError(
            f"the run {opened.id} has no artifact '{artifact}'; it has: {names}",
            hint=did_you_mean(artifact, opened.artifacts),
        )
    typer.echo(str(opened.artifacts[artifact]))


def log(
    run: RunName,
    *,
    output: Annotated[
        bool, typer.Option("--output", help="Print what the task printed instead.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="With --output: go on until the run is over.")
    ] = False,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the log of a run, or what its task printed."""
    opened = open_run(run, default_store(store))
    if follow and (as_json or not output):
        raise UsageError("--follow goes with --output, and not with --json.")
    if output:
        _print_output(opened, follows=follow, as_json=as_json)
        return
    lines = read_lines(opened.dir, opened.layout.log.name)
    if as_json:
        print_json(list(lines))
        return
    for line in lines:
        words = (str(line.get(key, "")) for key in ("time", "level", "message"))
        typer.echo(one_line(" ".join(words)))
        for row in str(line.get("exception", "")).splitlines():
            typer.echo(f"    {one_line(row)}")


def _print_output(run: Run, *, follows: bool, as_json: bool) -> None:
    """Print what a run printed, with nothing in it that a terminal obeys."""
    if run.record.output:
        typer.echo(f"note: output not kept: {run.record.output}", err=True)
    if as_json:
        print_json({"id": run.id, "output": read_output(run)})
        return
    for piece in follow_output(run) if follows else [read_output(run)]:
        typer.echo("".join(_shown(char) for char in piece), nl=False)


def _shown(char: str) -> str:
    return char if char in "\n\t" else one_line(char)


def _commit(run: Run) -> str:
    try:
        return commit_of(read_object(run.dir, run.layout.environment.name))
    except RunCorruptError as error:
        return f"commit unknown: {error.reason}" if run.record.attempts else ""


def _config_rows(run: Run) -> dict[str, str]:
    """Return every leaf of the config, with its source where it was set."""
    rows: dict[str, str] = {}
    todo = [("", run.config)]
    while todo:
        prefix, values = todo.pop(0)
        for key, value in values.items():
            leaf = f"{prefix}{key}"
            if isinstance(value, dict) and leaf not in run.record.sources:
                todo.append((f"{leaf}.", value))
                continue
            source = run.record.sources.get(leaf, "default")
            text = value if isinstance(value, str) else json.dumps(value)
            rows[leaf] = text if source == "default" else f"{text}  ({source})"
    return rows


def _section(title: str, rows: dict[str, str]) -> None:
    if not rows:
        return
    indent = "  " if title else ""
    if title:
        typer.echo(f"{title}:")
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        typer.echo(f"{indent}{one_line(key):<{width}}  {one_line(value)}".rstrip())
