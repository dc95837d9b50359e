"""`tasks hci sample`: trajectories for a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import StoreError, UsageError

from taskloom_hci.verbs.game import game


def sample(
    task: Annotated[str, typer.Argument(help="The task, such as `pointing`.")],
    episodes: Annotated[int, typer.Argument(min=1, help="How many episodes.")],
    out: Annotated[
        Path, typer.Option("--out", help="Where to: a file that ends with .npz or .jsonl.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the task."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Root of all random numbers.")] = 0,
) -> None:
    """Play episodes and save their rounds as one data set."""
    if out.suffix not in {".npz", ".jsonl"}:
        raise UsageError(f"--out takes a file that ends with .npz or .jsonl, not '{out.name}'.")
    if not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
    from taskloom_hci.batch.play import play

    bundle = game(task, param or (), seed)
    try:
        played = play(bundle, episodes)
    finally:
        bundle.close()
    if out.suffix == ".npz":
        played.save(out)
    else:
        played.save_jsonl(out)
    typer.echo(f"{len(played)} episodes, {played.total_rounds} rounds: {out}")
