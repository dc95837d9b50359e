"""`tasks hci sample`: trajectories for a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask
from taskloom.errors import StoreError, UsageError

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def sample(
    task: BoundTask[InteractionTask, HciConfig],
    episodes: Annotated[int | None, typer.Argument(min=1, hidden=True)] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="A new file that ends with .npz or .jsonl.")],
) -> None:
    """Play the episodes of a task and save their rounds as one data set."""
    if out.suffix not in {".npz", ".jsonl"}:
        raise UsageError(f"--out takes a file that ends with .npz or .jsonl, not '{out.name}'.")
    if not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
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
    finally:
        bundle.close()
    if out.suffix == ".npz":
        played.save(out)
    else:
        played.save_jsonl(out)
    typer.echo(f"{len(played)} episodes, {played.total_rounds} rounds: {out}")
