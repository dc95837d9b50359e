"""`tasks hci sample`: trajectories for a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from taskloom.bound import BoundTask
from taskloom.errors import StoreError, UsageError
from taskloom.registry.isolate import load_target

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def sample(
    task: BoundTask[InteractionTask, HciConfig],
    episodes: Annotated[int | None, typer.Argument(min=1, hidden=True)] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file that ends with .npz or .jsonl.")
    ] = None,
    minari: Annotated[
        str,
        typer.Option("--minari", help="A new Minari data set, such as hci/pointing/careful-v0."),
    ] = "",
    role: Annotated[
        Literal["user", "assistant"], typer.Option(help="The agent of the Minari data set.")
    ] = "user",
) -> None:
    """Play the episodes of a task and save their rounds as one data set."""
    if out is None and not minari:
        raise UsageError(
            "Where shall the rounds go: --out FILE.npz, --out FILE.jsonl or --minari NAME-v0?"
        )
    if out is not None and out.suffix not in {".npz", ".jsonl"}:
        raise UsageError(f"--out takes a file that ends with .npz or .jsonl, not '{out.name}'.")
    if out is not None and not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
    writer: Any = None
    if minari:
        made: Any = load_target("taskloom_hci.exports.minari:MinariSet")
        writer = made(minari)
    from taskloom_hci.batch.play import play  # gymnasium is heavy
    from taskloom_hci.driver import pair

    config = task.config
    if episodes is not None:  # the spelling of version 0.1, for one more version
        typer.echo(f"note: write --episodes={episodes} instead of {episodes}", err=True)
    bundle = pair(task.task, config, config.seed)
    try:
        # To ask for a fast backend is to ask for actions alone.
        slow = config.record == "auto" and config.backend in {"auto", "loop"}
        full = config.record == "all" or slow
        played = play(bundle, episodes or config.episodes, config.backend, full=full)
        if writer is not None:
            recipe: Any = load_target("taskloom_hci.exports.minari:spec_of")
            steps = writer.save(played, bundle, role, recipe(task, role))
            typer.echo(f"{len(played)} episodes, {steps} steps of the {role}: {minari}")
    finally:
        bundle.close()
    if out is None:
        return
    if out.suffix == ".npz":
        played.save(out)
    else:
        played.save_jsonl(out)
    typer.echo(f"{len(played)} episodes, {played.total_rounds} rounds: {out}")
