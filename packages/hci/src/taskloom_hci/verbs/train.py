"""`tasks hci train`: let the user or the assistant of a pointing task learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from taskloom.bound import BoundTask
from taskloom.errors import StoreError, UsageError

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.exports.training import CurvePoint
    from taskloom_hci.task import InteractionTask


def train(
    task: BoundTask[InteractionTask, HciConfig],
    *,
    out: Annotated[Path, typer.Option("--out", help="A new policy file that ends with .zip.")],
    role: Annotated[Literal["user", "assistant"], typer.Option(help="Who learns.")] = "assistant",
    learner: Annotated[
        Literal["ppo", "a2c", "dqn", "tabular"],
        typer.Option(help="By what; tabular is value iteration, for a user."),
    ] = "ppo",
    steps: Annotated[int, typer.Option(min=1, help="Steps of all games together.")] = 250_000,
    envs: Annotated[int, typer.Option(min=1, max=4096, help="Games side by side.")] = 256,
    games: Annotated[int, typer.Option(min=2, help="Fixed games of an evaluation.")] = 1000,
    stop_at_regret: Annotated[
        float | None, typer.Option(min=0, help="Share above the optimum that is good enough.")
    ] = None,
) -> None:
    """Train an agent, save its policy, and tell after every fifth roll-out how far it is from the optimum."""
    if out.suffix != ".zip":
        raise UsageError(f"--out takes a file that ends with .zip, not '{out.name}'.")
    if not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
    try:
        from taskloom_hci.exports.training import train_task  # heavy: torch
    except ModuleNotFoundError:
        raise UsageError(
            "Training needs Stable-Baselines3: pip install 'taskloom-hci[sb3]'."
        ) from None

    def told(point: CurvePoint) -> None:
        regret = "" if point.regret is None else f", {100 * point.regret:.1f} % above the optimum"
        typer.echo(
            f"{point.steps} steps, {point.cpu:.1f} CPU-s: {point.rounds:.3f} rounds{regret}, "
            f"{100 * point.success:.1f} % reached the end"
        )

    train_task(
        task,
        role,
        learner,
        steps,
        out,
        num_envs=envs,
        games=games,
        stop_at=stop_at_regret,
        told=told,
    )
    typer.echo(f"policy: {out}")
