"""`tasks run DOMAIN TASK`: resolve the config, then run once, or only show what would be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskloom.cli.taskcommand import Invocation
from taskloom.errors import UsageError
from taskloom.params import Resolved, leaves, to_toml

if TYPE_CHECKING:
    from taskloom.runs import Run

ConfigFiles = Annotated[
    list[Path],
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read parameters from a TOML, YAML or JSON file. Repeatable; later ones win.",
    ),
]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Run store (else TASKS_STORE, else ./runs)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def run(
    invocation: Invocation,
    *,
    config: ConfigFiles = [],  # noqa: B006 -- Typer reads it, nobody writes it
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the config and the task, and stop.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print which layer set each value, and stop.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the config as TOML, and stop.")
    ] = False,
    as_json: AsJson = False,
    store: Store = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="A name for the run.")] = "",
    tag: Annotated[
        list[str], typer.Option("--tag", metavar="TEXT", help="A tag for the run. Repeatable.")
    ] = [],  # noqa: B006
    force: Annotated[
        bool, typer.Option("--force", help="Run even if an identical run has finished.")
    ] = False,
) -> None:
    """Run a task once."""
    if dry_run + explain + print_config > 1:
        raise UsageError("--dry-run, --explain and --print-config exclude each other")
    resolved = invocation.resolve(config)
    for note in resolved.notes:
        typer.echo(f"note: {note}", err=True)
    if print_config:
        _print_config(resolved, as_json)
    elif explain:
        _explain(resolved, as_json)
    elif dry_run:
        from taskloom.cli.check import check_config

        check_config(invocation, resolved, as_json=as_json)
    else:
        from taskloom.execute import run_task
        from taskloom.runs import default_store

        place = default_store(store)
        finished = None if force else _finished_before(invocation, resolved, place)
        if finished is not None:
            typer.echo(
                "note: an identical run has finished before; --force runs it again", err=True
            )
        else:
            finished = run_task(
                invocation.loaded,
                resolved.config,
                store=place,
                sources=resolved.sources,
                argv=["tasks", "run", *_task_name(invocation), *invocation.words],
                name=name,
                tags=tag,
                quiet=as_json,
            )
        show_run(finished, as_json=as_json)
        raise typer.Exit(finished.exit_code or 0)


def _task_name(invocation: Invocation) -> tuple[str, str]:
    return invocation.loaded.entry.domain, invocation.loaded.entry.ref.name


def _finished_before(invocation: Invocation, resolved: Resolved, store: Path) -> Run | None:
    """Return the newest finished run of the same identity, if there is one."""
    from taskloom.runs import identity, list_runs

    entry = invocation.loaded.entry
    wanted = identity(entry.domain, entry.ref.name, entry.ref.version, resolved.config)
    same = (run for run in reversed(list_runs(store)) if run.record.identity == wanted)
    return next((run for run in same if run.status == "finished"), None)


def show_run(run: Run, *, as_json: bool) -> None:
    """Print what a run ended with: one JSON document, or a line for each metric and where to look."""
    if as_json:
        typer.echo(json.dumps(_document(run), indent=2))
        return
    if run.summary:
        typer.echo(run.summary)
    width = max((len(metric) for metric in run.metrics), default=0)
    for metric, value in run.metrics.items():
        typer.echo(f"  {metric:<{width}}  {value:.6g}")
    typer.echo(f"{run.status}: {run.dir}")


def _document(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "domain": run.domain,
        "task": run.task,
        "status": run.status,
        "dir": str(run.dir),
        "summary": run.summary,
        "metrics": dict(run.metrics),
        "artifacts": {key: str(path) for key, path in run.artifacts.items()},
        "config": dict(run.config),
    }


def _print_config(resolved: Resolved, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(resolved.config.model_dump(mode="json"), indent=2))
    else:
        typer.echo(to_toml(resolved.config), nl=False)


def _explain(resolved: Resolved, as_json: bool) -> None:
    from taskloom.params.labels import plain, text_of

    values = leaves(resolved.config)
    if as_json:
        rows = {
            path: {"value": plain(value), "source": resolved.sources[path]}
            for path, value in values.items()
        }
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(len(path) for path in values)
    shown = {path: text_of(value) for path, value in values.items()}
    second = min(max(len(text) for text in shown.values()), 30)
    for path, text in shown.items():
        typer.echo(f"{path:<{width}}  {text:<{second}}  {resolved.sources[path]}")
