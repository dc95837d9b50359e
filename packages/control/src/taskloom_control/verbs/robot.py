"""`tasks control robot`: a simulated robot that a controller in another process drives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


def robot(
    task: BoundTask[ControlTask[Any], ControlConfig],
    *,
    connect: Annotated[str, typer.Option("--connect", metavar="HOST:PORT", help="The controller.")],
    jitter: Annotated[
        float, typer.Option("--jitter", min=0, help="Largest delay of a message [s].")
    ] = 0.0,
    dropout: Annotated[
        float, typer.Option("--dropout", min=0, max=1, help="Probability that one is lost.")
    ] = 0.0,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, help="Simulated time over wall-clock time.")
    ] = 1.0,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="What acted in every step.")
    ] = None,
) -> None:
    """Live as a simulated robot for the task's seconds, and print what came of it as JSON."""
    from taskloom_control.live.link import RobotLink  # heavy: mujoco
    from taskloom_control.live.robot import Robot, hello_of

    config = task.config
    made = Robot(task.copy(), config, config.seed, speed=speed, log=log)
    link = RobotLink(connect, hello_of(made.simulation.task))
    try:
        lived = made.live(link, config.seconds, jitter=jitter, dropout=dropout)
    finally:
        link.close()
    window = max(1, round(config.hold / made.simulation.dt))
    facts = {
        "steps": len(lived.rewards),
        "cost": lived.cost,
        "held": all(lived.successes[-window:]),
        "followed": lived.followed,
        "holding": lived.held,
        "rejected": lived.rejected,
        "lost": lived.said,
    }
    typer.echo(json.dumps(facts))
