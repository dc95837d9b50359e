"""`tasks hci replay`: play a finished run again and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from taskloom.bound import BoundTask
from taskloom.errors import CheckFailedError, RunCorruptError
from taskloom.runs.run import Run
from taskloom.seeding import derive_seed

from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.play import play
from taskloom_hci.driver import pair

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def replay(run: Run, task: BoundTask[InteractionTask, HciConfig]) -> None:
    """Play the episodes of a run again, by any backend, and compare them bit for bit."""
    kept = run.artifacts.get("episodes")
    if kept is None or not kept.exists():
        raise RunCorruptError(f"The run {run.id} has no episodes to play again.")
    recorded = load(kept)
    config = task.config
    bundle = pair(task.task, config, derive_seed(config.seed, "episodes"))
    try:
        backend = "auto" if recorded.is_full else config.backend
        again = play(bundle, recorded.episode.tolist(), backend, full=recorded.is_full)
    finally:
        bundle.close()
    same = again.digest() == recorded.digest()
    typer.echo(
        f"{len(recorded)} episodes, {recorded.total_rounds} rounds: {'identical' if same else 'DIFFERENT'}"
    )
    typer.echo(f"recorded {recorded.digest()}")
    typer.echo(f"replayed {again.digest()}")
    if not same:
        raise CheckFailedError(
            f"The episodes of {run.id} are not what this version plays from the same seed."
        )
