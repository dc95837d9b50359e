"""`tasks control bench`: measure tasks on test seeds, and compare settings seed by seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK ...]", help="Tasks; all that are shipped if none is named."),
    ] = None,
    *,
    optimizer: Annotated[
        str, typer.Option("--optimizer", help="Optimizers to rank, by name: ps,cem,mppi.")
    ] = "",
    against: Annotated[
        str, typer.Option("--against", help="Compare with a config file, or with a run's settings.")
    ] = "",
    seeds: Annotated[
        str, typer.Option("--seeds", help="test, tuning, or a range like 0-19.")
    ] = "test",
    episodes: Annotated[
        int | None, typer.Option("--episodes", min=2, help="Test seeds of each task.")
    ] = None,
    steps_per_second: Annotated[
        float | None,
        typer.Option(
            "--steps-per-second", help="Physics that each side may spend per simulated second."
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="DIR", help="Folder of the ledger (else the store)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Rows of episodes (else in the ledger's folder)."
        ),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option("--gate", metavar="FILE", help="JSON of the largest mean cost of each task."),
    ] = None,
    plants: Annotated[
        int | None,
        typer.Option(
            "--plants",
            min=2,
            help="Plants to draw, one for each test seed, that no plan is told of.",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", min=0, max=10, help="Scale of the plants' randomization.")
    ] = 1.0,
    regret: Annotated[
        bool, typer.Option("--regret", help="Also compare with eight times the physics.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure tasks on test seeds that no setting was chosen on, and compare settings seed by seed."""
    from taskloom_control.bench.asked import AskedBench  # heavy: mujoco

    asked = AskedBench(
        tuple(tasks or ()),
        optimizer,
        against,
        seeds,
        episodes,
        steps_per_second,
        plants,
        level,
        regret,
    )
    asked.carry_out(ledger, out, gate, as_json=json_output)
