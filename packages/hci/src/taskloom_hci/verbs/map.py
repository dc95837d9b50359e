"""`tasks hci map`: the price of assuming one value of a user's parameter where another is true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask

from taskloom_hci.fitting.mismatch import loss_map, parse_range

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def map_losses(
    task: BoundTask[InteractionTask, HciConfig],
    *,
    true: Annotated[str, typer.Option("--true", help="What users have: error_rate=.02:.3:8.")],
    assumed: Annotated[
        str,
        typer.Option("--assumed", help="What the assistant assumes; by default the same values."),
    ] = "",
    fit: Annotated[
        Path | None,
        typer.Option(
            "--fit", help="A fit: its people are one more row, who assumes it one more column."
        ),
    ] = None,
) -> None:
    """Play every pair of a true and an assumed value on the same games, and tell the rounds lost to not knowing."""
    name, values = parse_range(true)
    guesses = parse_range(assumed)[1] if assumed else values
    found = loss_map(task, name, values, guesses, fit)
    rows, columns = (
        ["the fit" if value is None else f"{value:g}" for value in side]
        for side in (found.true, found.assumed)
    )
    typer.echo(f"rounds lost against an assistant that knows, {task.config.episodes} games a cell")
    typer.echo("true \\ assumed".ljust(15) + "".join(label.rjust(20) for label in columns))
    for label, row in zip(rows, found.losses, strict=True):
        cells = (
            f"{one.estimate:+.3f} +- {0.0 if one.half_width is None else one.half_width:.3f}"
            for one in row
        )
        typer.echo(label.ljust(15) + "".join(cell.rjust(20) for cell in cells))
    widest = max(
        (one.estimate, i, j) for i, row in enumerate(found.losses) for j, one in enumerate(row)
    )
    typer.echo(
        f"most is lost where {name} is {rows[widest[1]]} and {columns[widest[2]]} is assumed: {widest[0]:+.3f} rounds"
    )
