"""`tasks run DOMAIN TASK`: resolve the config, then run once, or only show what would be run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taskloom.cli.annotations import AsJson, ConfigFiles
from taskloom.cli.argv import recorded_words
from taskloom.cli.commands.check import check_config
from taskloom.cli.options import takes_options
from taskloom.cli.output import number, print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import UsageError
from taskloom.lifecycle.terminal import fitted
from taskloom.params.files import to_toml
from taskloom.params.labels import plain
from taskloom.params.layers import Resolved
from taskloom.params.tree import leaf_texts, leaves
from taskloom.request import Origin, RunOptions
from taskloom.secrets.fields import dumped
from taskloom.wording import figure_line

if TYPE_CHECKING:
    from taskloom.runs.run import Run


@takes_options(
    "as_json store name tags force fresh resume accept accept_changes claimed inputs cwd report prepare executor",
    without="jobs",
)
def run(
    invocation: Invocation,
    options: RunOptions,
    *,
    config: ConfigFiles = [],  # noqa: B006 -- Typer only reads it
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the task, say whether it would run, and stop."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print which layer set each value, and stop.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the config as TOML, and stop.")
    ] = False,
    as_json: AsJson = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the run's folder, print its path, and stop.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print every metric at the end, beside the headline.")
    ] = False,
) -> None:
    """Run a task once."""
    if dry_run + explain + print_config + prepare > 1:
        raise UsageError("--dry-run, --explain, --print-config and --prepare exclude each other")
    resolved = invocation.resolve(config)
    for note in resolved.notes:
        typer.echo(f"note: {note}", err=True)
    if print_config:
        _print_config(resolved, as_json)
    elif explain:
        _explain(resolved, as_json)
    elif dry_run:
        _show_decision(invocation, resolved, options, as_json=as_json)
    else:
        _run(invocation, resolved, options, prepare=prepare, as_json=as_json, is_long=verbose)


def _show_decision(
    invocation: Invocation, resolved: Resolved, asked: RunOptions, *, as_json: bool
) -> None:
    """Check the task, and print what `tasks run` would do."""
    from taskloom import answering
    from taskloom.placement.options import checked_options

    options = checked_options(asked)
    question = answering.RunRequest(
        invocation.loaded, resolved.config, options, Origin(), answering.say_to_stderr
    )
    now, decision = question.look()
    located = replace(resolved, config=now.config)
    document = {"decision": answering.decision_document(decision)}
    check_config(invocation, located, as_json=as_json, more=document)
    if not as_json:
        typer.echo(answering.decision_line(decision))


def _run(
    invocation: Invocation,
    resolved: Resolved,
    asked: RunOptions,
    *,
    prepare: bool,
    as_json: bool,
    is_long: bool,
) -> None:
    """Run, unless a finished run is the answer, and show the run."""
    # The command runs no task before here, and its help should not wait for what runs them.
    from taskloom import answering
    from taskloom.placement.options import checked_options
    from taskloom.placement.single import make_folder

    # Names are judged even where an identical run spares the work.
    options = checked_options(replace(asked, quiet=asked.quiet or as_json), is_placed=not prepare)
    loaded, config = invocation.loaded, resolved.config
    words = recorded_words(invocation.words, invocation.parameters())
    argv = ("tasks", "run", *loaded.words, *words)
    origin = Origin(argv, resolved.sources)
    if prepare:
        folder = make_folder(loaded, config, options, origin).dir
        if as_json:
            print_json({"dir": str(folder)})
        else:
            typer.echo(str(folder))
        return

    def say(text: str) -> None:
        if not asked.quiet:
            answering.say_to_stderr(text)

    found = answering.answer(answering.RunRequest(loaded, config, options, origin, say))
    more = {"reused": found.reused, "stale": list(found.stale)}
    if found.claimed is not None:
        more["claimed"] = str(found.claimed)
    if found.run is None:
        if as_json:
            print_json(more)
        return
    show_run(found.run, as_json=as_json, more=more, is_long=is_long)
    raise typer.Exit(0 if found.claimed is not None else found.run.exit_code or 0)


def show_run(
    run: Run,
    *,
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
    is_long: bool = False,
) -> None:
    """Print what a run ended with: one JSON document, or three lines: its verdict, its figure and where to look.

    Args:
        run: The run.
        as_json: Whether to print a document.
        more: What else it holds.
        is_long: Whether to print each metric as well; a run without a headline has nothing else to tell.
    """
    if as_json:
        print_json({**_document(run), **more})
        return
    headline = run.headline
    if headline is not None:
        _tell(headline.sentence)
        _tell(figure_line(headline))
    elif run.summary:
        _tell(run.summary)
    if is_long or headline is None:
        width = max((len(metric) for metric in run.metrics), default=0)
        for metric, value in run.metrics.items():
            typer.echo(f"  {metric:<{width}}  {number(value)}")
    if is_long:
        _tell(f"{run.status} in {run.record.duration:.1f} s: {run.dir}")
    if run.status == "finished" and run.layout.report.exists():
        typer.echo(f"report: {run.layout.report}")
    elif not is_long:
        typer.echo(f"{run.status}: {run.dir}")


def _tell(sentence: str) -> None:
    typer.echo(fitted(sentence, sys.stdout))


def _document(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "domain": run.domain,
        "task": run.task,
        "status": run.status,
        "dir": str(run.dir),
        "summary": run.summary,
        "headline": run.record.headline,
        "metrics": dict(run.metrics),
        "artifacts": {key: str(path) for key, path in run.artifacts.items()},
        "config": dict(run.config),
        "reusable": run.record.reusable,
    }


def _print_config(resolved: Resolved, as_json: bool) -> None:
    if as_json:
        print_json(dumped(resolved.config))
    else:
        typer.echo(to_toml(resolved.config), nl=False)


def _explain(resolved: Resolved, as_json: bool) -> None:
    values = leaves(resolved.config)
    if as_json:
        rows = {
            path: {"value": plain(value), "source": resolved.sources[path]}
            for path, value in values.items()
        }
        print_json(rows)
        return
    width = max(len(path) for path in values)
    shown = leaf_texts(resolved.config)
    second = min(max(len(text) for text in shown.values()), 30)
    for path, text in shown.items():
        typer.echo(f"{path:<{width}}  {text:<{second}}  {resolved.sources[path]}")
