"""`tasks control robot`: a simulated robot that a controller in another process drives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.registry.isolate import load_target

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
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="What acted in every step.")
    ] = None,
) -> None:
    """Live as a simulated robot for the task's seconds, and print what came of it as JSON."""
    # MuJoCo is heavy: help must not wait for it.
    live_alone: Any = load_target("taskloom_control.live.robot:live_alone")
    facts = live_alone(task, connect, log, (jitter, dropout))
    typer.echo(json.dumps(facts))
