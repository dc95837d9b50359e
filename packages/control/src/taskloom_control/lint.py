"""Looking at a task before it is run: sizes, shapes, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mujoco
import numpy as np
from taskloom import Finding
from taskloom.errors import TaskloomError

from taskloom_control.controller import Controller
from taskloom_control.simulation import Simulation
from taskloom_control.task import ControlTask


def quick_findings(task: ControlTask[Any]) -> Iterator[Finding]:
    """Compile the models, build the controller, and judge one tiny batch of rollouts."""
    copy = type(task)(task.config)
    try:
        simulation = Simulation(copy)
        simulation.reset(np.random.default_rng(0))
        controller = Controller(type(task)(task.config), 0)
        try:
            yield from _one_batch(simulation, controller)
        finally:
            controller.close()
    except TaskloomError as error:
        yield Finding("error", error.message)


def _one_batch(simulation: Simulation, controller: Controller) -> Iterator[Finding]:
    """Judge two rollouts that do nothing."""
    problem, grid = controller.problem, controller.grid
    snapshot = simulation.snapshot()
    controller.task.pre_rollout(snapshot.state, controller.task.config)
    problem.begin(snapshot, simulation.task.get_sim_metadata(), 0.0, None)
    width = controller.low.size
    start = np.broadcast_to(controller.task.optimizer_warm_start(), (width,))
    z = np.broadcast_to(controller.normalizer.encode(start), (2, grid.num_knots, width))
    problem.evaluate(z)
    if problem.diverged:
        yield Finding(
            "warning",
            "The rollout of the first plan meets a bad number; the time step may be too long.",
        )
    if not np.isfinite(controller.low).all():
        yield Finding(
            "info", "An actuator has no control range, so noise is in its own unit there."
        )


def facts(task: ControlTask[Any]) -> Mapping[str, Any]:
    """Return the sizes of the problem."""
    model = task.model
    sensors = [
        mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_SENSOR, i) or "" for i in range(model.nsensor)
    ]
    return {
        "positions": int(model.nq),
        "velocities": int(model.nv),
        "controls": int(model.nu),
        "activations": int(model.na),
        "step [s]": float(model.opt.timestep),
        "simulated step [s]": float(task.sim_model.opt.timestep),
        "sensors": ", ".join(sensors),
        "model": task.model_path.name,
    }
