"""`tasks control serve`: plan for a robot in another process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.registry.isolate import load_target

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
    seconds = math.inf if no_deadline else deadline or None
    # MuJoCo is heavy: help must not wait for it.
    serve_task: Any = load_target("taskloom_control.live.bridge:serve_task")
    serve_task(task, port, seconds, predict=predict, robots=robots)
