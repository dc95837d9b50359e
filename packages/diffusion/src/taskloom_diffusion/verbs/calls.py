"""`tasks diffusion calls RUN`: quality against network calls, sampler by sampler."""

from __future__ import annotations

import json
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
    rows = [row.as_data() for row in measured(run, task, names, num, seed, accept=accept_changes)]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = calls_table(rows)
    typer.echo(table.caption)
    for line in [table.columns, *table.rows]:
        cells = [f"{cell:.3g}" if isinstance(cell, float) else str(cell or "") for cell in line]
        typer.echo(
            f"{cells[0]:20} {cells[1]:24} {cells[2]:24} "
            + " ".join(f"{cell:>13}" for cell in cells[3:])
        )
