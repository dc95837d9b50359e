"""The controller's side of the bridge: estimates in, windows of controls out, as long as the robot is there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from taskloom import derive_seed
from taskloom.errors import TaskloomError
from taskloom.view.serve import ADDRESS, listen

from taskloom_control.errors import LinkError
from taskloom_control.live.link import Window
from taskloom_control.live.plant import DrivenPlant, SocketPlant
from taskloom_control.planning.asynchronous import AsyncController, Made
from taskloom_control.planning.controller import Controller

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask

# The longest window [s]: beyond it a plan is a guess, and a robot that hears nothing should hold.
_LONGEST = 2.0
_BEAT = 0.05
_MOST_STEPS = 5000


@dataclass
class Served:
    """Account of driving a plant.

    Attributes:
        estimates: Estimates that were planned from, or replaced by newer ones.
        stale: Estimates that were too old to plan from.
        windows: Windows that were sent.
        said: Why it ended.
    """

    estimates: int = 0
    stale: int = 0
    windows: int = 0
    said: str = ""


def window_from(made: Made, dt: float, seq: int, since: float) -> Window:
    """Return the controls of a plan from a moment of the plant's clock to the plan's end, at most two seconds.

    Args:
        made: The plan.
        dt: Time for which the plant applies one control [s].
        seq: Number of the window.
        since: When it begins [s].
    """
    span = min(made.plan.valid_until - since, _LONGEST)
    count = min(max(1, int(span / dt + 1e-9)), _MOST_STEPS)
    return Window(seq, since, dt, np.array([made.plan(since + k * dt) for k in range(count)]))


def drive(
    plant: DrivenPlant,
    planner: AsyncController,
    *,
    stale: float = 0.5,
    running: Callable[[], bool] = lambda: True,
) -> Served:
    """Drive a plant until it is gone.

    Args:
        plant: The plant.
        planner: The planner; it is reset first, and stopped at the end.
        stale: Age above which an estimate is not planned from [s].
        running: Asked now and then whether to go on.
    """
    served, sending = Served(), threading.Lock()
    planner.reset()

    def send(made: Made) -> None:
        """Send a plan from the planning thread, at once."""
        with sending:
            served.windows += 1
            try:
                plant.write(window_from(made, plant.dt, served.windows, made.state.time))
            except LinkError as error:
                served.said = error.message

    planner.on_plan = send
    try:
        while running() and not served.said:
            seen = plant.read(_BEAT)
            if seen is None:
                if isinstance(plant, SocketPlant):
                    plant.beat()
                continue
            if seen.age > stale:
                served.stale += 1
                continue
            served.estimates += 1
            if planner.newest is None:
                planner.start(seen.estimate)
            else:
                planner.observe(seen.estimate, age=seen.age)
    except TaskloomError as error:
        served.said = error.message
    finally:
        planner.on_plan = None
        planner.stop()
        plant.close()
    return served


def serve(
    listener: socket.socket,
    task: ControlTask[Any],
    planner: AsyncController,
    say: Callable[[str], None],
    *,
    robots: int = 0,
) -> None:
    """Drive one robot after another: a robot that is gone may come again.

    Args:
        listener: The listening socket.
        task: The planner's copy of the task.
        planner: The planner.
        say: Tells a person what happens.
        robots: How many connections to serve; 0 goes on for ever.
    """
    count = 0
    while not robots or count < robots:
        connection, _ = listener.accept()
        count += 1
        try:
            plant = SocketPlant(connection, task)
        except TaskloomError as error:
            say(f"refused: {error.message}")
            continue
        say("a robot has connected")
        served = drive(plant, planner)
        counts = planner.counts
        say(
            f"{served.said} ({served.estimates} estimates, {served.windows} windows, {plant.late} left out, "
            f"{served.stale} stale, {counts.refused} refused, {counts.overruns} late plans)"
        )
        if counts.said:
            say(f"last refusal: {counts.said}")


def serve_task(
    bound: BoundTask[ControlTask[Any], ControlConfig],
    port: int,
    deadline: float | None,
    *,
    predict: bool,
    robots: int,
) -> None:
    """Listen on a port, print the address, and plan for the robots that come.

    Args:
        bound: The task.
        port: The port; 0 takes a free one.
        deadline: Time for a plan [s]; None for 0.8 of a period.
        predict: Whether to plan for the moment when the plan is there.
        robots: How many connections to serve; 0 goes on for ever.

    Raises:
        UsageError: The port cannot be used.
    """
    made = Controller(bound.copy(), bound.config, derive_seed(bound.config.seed, "plan"))
    planner = AsyncController(made, deadline, predict=predict)
    try:
        with listen(port) as listener:
            typer.echo(f"{ADDRESS}:{listener.getsockname()[1]}")
            serve(listener, made.task, planner, partial(typer.echo, err=True), robots=robots)
    finally:
        planner.stop()
        made.close()
