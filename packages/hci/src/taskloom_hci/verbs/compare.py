"""`tasks hci compare`: assistants against each other, over people or over games."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from taskloom.cli.annotations import StoreOption
from taskloom.runs.run import open_run

from taskloom_hci.fitting.comparison import all_words, variants_of


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="A study with people, or runs of one task."),
    ],
    *,
    metric: Annotated[
        Literal["rounds", "return", "success"], typer.Option(help="Figure of a game.")
    ] = "rounds",
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare runs of other games, by Welch.")
    ] = False,
    detect: Annotated[
        float | None, typer.Option(help="Difference that a next study shall find.")
    ] = None,
    power: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of finding it.")
    ] = 0.8,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Tell after how many units it was decided.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Root of the bootstrap.")] = 0,
    store: StoreOption = None,
) -> None:
    """Compare assistants: the conditions of a study over its people, or runs over the same games."""
    opened = [open_run(reference, store) for reference in runs]
    variants = variants_of(opened, metric, unpaired=unpaired)
    for line in all_words(variants, detect=detect, power=power, sequential=sequential, seed=seed):
        typer.echo(line)
