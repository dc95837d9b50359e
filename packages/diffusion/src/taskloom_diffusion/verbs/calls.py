"""`tasks diffusion calls RUN`: quality against network calls, sampler by sampler."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.report.calls import calls_table
from taskloom_diffusion.verbs.options import AsJson, Seed

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def calls(
    run: Run,
    task: BoundCorpus,
    *,
    samplers: Annotated[
        str,
        typer.Option(
            help="Names of samplers, between commas; all that the model can take if empty."
        ),
    ] = "",
    num: Annotated[int, typer.Option(min=1, help="Sequences of each.")] = 1000,
    seed: Seed = 0,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Compare samples with the corpus of now, though it has changed.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare samplers at as many network calls as positions, and at half, a quarter and an eighth of them."""
    measured: Any = load_target("taskloom_diffusion.evaluation.calls:calls_of_run")
    known: Any = load_target("taskloom_diffusion.evaluation.calls:SAMPLERS")
    names = [name.strip() for name in samplers.split(",") if name.strip()] or [*known]
    for name in names:
        if name not in known:
            raise UsageError(
                f"--samplers: '{name}' is none of {', '.join(known)}; {did_you_mean(name, known)}"
            )
    rows: list[dict[str, Any]] = []
    for row in measured(run, task, names, num, seed, accept=accept_changes):
        rows.append(row.as_data())
        if as_json:
            continue
        # As it is measured: all of them take minutes.
        table = calls_table(rows[-1:])
        if len(rows) == 1:
            typer.echo(table.caption)
            typer.echo(_line(table.columns))
        typer.echo(_line(table.rows[0]))
    if as_json:
        typer.echo(json.dumps(rows))


def _line(cells: Sequence[str | float | int | bool | None]) -> str:
    words = [f"{cell:.3g}" if isinstance(cell, float) else str(cell or "") for cell in cells]
    rest = " ".join(f"{word:>13}" for word in words[3:])
    return f"{words[0]:20} {words[1]:24} {words[2]:24} {rest}"
