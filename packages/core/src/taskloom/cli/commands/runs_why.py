"""`tasks runs why A [B]`: what a run differs in from another one, or from what the same command would compute now."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, RunName, StoreOption
from taskloom.cli.output import one_line, print_json
from taskloom.errors import ExitCode
from taskloom.identity.why import SECTIONS, Explanation, explain
from taskloom.runs.layout import default_store
from taskloom.runs.run import open_run


def why(
    run: RunName,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Another run; the present state if left out."),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show the code that differs.")] = False,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Show why a run is another computation than a second run, or than the same command now.

    The exit code is 0 if it is the same computation, and 3 if it is another.
    """
    folder = default_store(store)
    first = open_run(run, folder)
    second = open_run(other, folder) if other is not None else None
    found = explain(first, second, folder)
    if as_json:
        sections: dict[str, list[str]] = {
            kind: [reason.sentence for reason in found.reasons if reason.kind == kind]
            for kind in SECTIONS
        }
        ids = [first.id, second.id if second else None]
        print_json(
            {"runs": ids, "same": found.is_same, **sections, "diff": found.diff if diff else None}
        )
    else:
        _print(found, f"{first.id} and {second.id if second else 'now'}")
        if diff and found.diff:
            typer.echo(_shown(found.diff))
    if not found.is_same:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _print(found: Explanation, what: str) -> None:
    if found.is_same:
        typer.echo(f"{what}: the same computation")
    for kind, title in SECTIONS.items():
        told = [reason.sentence for reason in found.reasons if reason.kind == kind]
        if told:
            typer.echo(f"{title}:")
        for sentence in told:
            typer.echo(f"  {one_line(sentence)}")


def _shown(diff: str) -> str:
    return "\n".join(one_line(line) for line in diff.splitlines())
