"""`tasks hci evaluate`: a policy of one's own on fixed games."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def evaluate(
    task: BoundTask[InteractionTask, HciConfig],
    policy: Annotated[Path, typer.Argument(help="A file of `train` or of `save_policy`.")],
) -> None:
    """Play the episodes of a task with a trained policy and with the task's own agent, and compare game by game."""
    from taskloom.statistics.differences import paired_difference  # with the verb, as the rest

    from taskloom_hci.assistants.learned import LearnedAssistant  # gymnasium is heavy
    from taskloom_hci.batch.play import play
    from taskloom_hci.driver import pair
    from taskloom_hci.inference.optimum import optimum_of
    from taskloom_hci.metrics import interval_words, mean_interval
    from taskloom_hci.users.learned import LearnedUser, learned_file

    config = task.config
    role = learned_file(policy).role
    agent = LearnedUser(file=policy) if role == "user" else LearnedAssistant(file=policy)
    own = pair(task.task, config, config.seed)
    rounds = play(own, config.episodes, config.backend).num_rounds
    optimum = optimum_of(own)
    own.close()
    mine = pair(task.copy(), config.model_copy(update={role: agent}), config.seed)
    try:
        played = play(mine, config.episodes)
    finally:
        mine.close()
    mean, low, high = mean_interval(played.num_rounds)
    best = "" if optimum is None else f", {100 * (mean - optimum) / optimum:.1f} % above optimal"
    typer.echo(f"{role} of {policy.name}: {mean:.3f} rounds ({interval_words(low, high)}){best}")
    typer.echo(f"the task's own {role}: {rounds.mean():.3f} rounds")
    if len(rounds) > 1:
        pairs = paired_difference(
            dict(enumerate(played.num_rounds.tolist())), dict(enumerate(rounds.tolist()))
        )
        spread = pairs.interval
        typer.echo(
            f"difference, game by game: {spread.estimate:+.3f} "
            f"({interval_words(spread.low, spread.high)})"
        )
