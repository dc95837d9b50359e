"""`tasks control serve`: plan for a robot in another process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom import derive_seed

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


def serve(
    task: BoundTask[ControlTask[Any], ControlConfig],
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    deadline: Annotated[
        float, typer.Option("--deadline", min=0, help="Time for a plan [s]; 0: 0.8 of a period.")
    ] = 0.0,
    no_deadline: Annotated[
        bool, typer.Option("--no-deadline", help="Never cut a plan short.")
    ] = False,
    predict: Annotated[
        bool,
        typer.Option("--predict/--no-predict", help="Plan for the moment when the plan is there."),
    ] = True,
    robots: Annotated[
        int, typer.Option("--robots", min=0, help="Connections to serve; 0 goes on for ever.")
    ] = 0,
) -> None:
    """Plan for a robot that connects to a port of this machine, one after another, until Ctrl-C."""
    from taskloom.view.serve import ADDRESS, listen

    from taskloom_control.live.bridge import serve as serve_robots  # heavy: mujoco
    from taskloom_control.planning.asynchronous import AsyncController
    from taskloom_control.planning.controller import Controller

    config = task.config
    made = Controller(task.copy(), config, derive_seed(config.seed, "plan"))
    planner = AsyncController(made, math.inf if no_deadline else deadline or None, predict=predict)
    try:
        with listen(port) as listener:
            typer.echo(f"{ADDRESS}:{listener.getsockname()[1]}")

            def say(text: str) -> None:
                typer.echo(text, err=True)

            serve_robots(listener, made.task, planner, say, robots=robots)
    finally:
        planner.stop()
        made.close()
