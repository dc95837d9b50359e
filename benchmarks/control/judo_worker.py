"""Runs judo-rai in its own environment and answers one JSON request a line.

Started by `compare_judo.py` with judo's Python. judo downloads meshes whenever a task is made; an empty folder counts as
downloaded, and neither cartpole nor cylinder_push has meshes.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

warnings.filterwarnings("ignore")

import judo  # noqa: E402
import mujoco  # noqa: E402
import numpy as np  # noqa: E402

(judo.MODEL_PATH / "meshes").mkdir(exist_ok=True)

from judo.app.structs import MujocoState  # noqa: E402
from judo.controller import Controller, make_controller  # noqa: E402
from judo.simulation import MJSimulation  # noqa: E402


def controller_for(task: str, optimizer: str) -> Controller:
    controller = make_controller(task, optimizer)
    controller.controller_cfg.max_opt_iters = 1
    return controller


def give_state(
    controller: Controller, model: mujoco.MjModel, data: mujoco.MjData, metadata: mujoco.MjData
) -> None:
    controller.update_states(
        MujocoState(
            time=float(data.time),
            qpos=data.qpos.copy(),
            qvel=data.qvel.copy(),
            xpos=data.xpos.copy(),
            xquat=data.xquat.copy(),
            mocap_pos=data.mocap_pos.copy(),
            mocap_quat=data.mocap_quat.copy(),
            sim_metadata=metadata,
        )
    )


def plans(request: dict[str, Any]) -> dict[str, Any]:
    """Return CPU and wall time of single plans from one state."""
    controller = controller_for(request["task"], request["optimizer"])
    data = controller.task.data
    data.qpos[:], data.qvel[:] = request["qpos"], request["qvel"]
    cpu, wall = [], []
    for _ in range(request["count"] + 20):
        give_state(controller, controller.model, data, {})
        c, w = time.process_time(), time.perf_counter()
        controller.update_action()
        cpu.append(time.process_time() - c)
        wall.append(time.perf_counter() - w)
    return {"cpu": cpu[20:], "wall": wall[20:]}


def episode(request: dict[str, Any]) -> dict[str, Any]:
    """Return the rewards of a closed loop and its positions and velocities."""
    np.random.seed(request["seed"])
    controller = controller_for(request["task"], request["optimizer"])
    simulation = MJSimulation(init_task=request["task"])
    task = simulation.task
    data, model = task.data, task.sim_model
    mujoco.mj_resetData(model, data)
    data.qpos[:], data.qvel[:] = request["qpos"], request["qvel"]
    mujoco.mj_forward(model, data)
    controller.reset()
    rewards, rows = [], []
    for step in range(request["steps"]):
        if step % request["every"] == 0:
            give_state(controller, model, data, task.get_sim_metadata())
            controller.update_action()
        control = controller.action(data.time)
        simulation.step(control)
        state = np.concatenate([data.qpos, data.qvel])
        applied = np.clip(control, model.actuator_ctrlrange[:, 0], model.actuator_ctrlrange[:, 1])
        rewards.append(
            float(
                task.reward(state[None, None], data.sensordata[None, None], applied[None, None])[0]
            )
        )
        rows.append(state.tolist())
    return {"rewards": rewards, "states": rows}


def update(request: dict[str, Any]) -> dict[str, Any]:
    """Return the rewards of given rollouts, and the knots that each planner makes of given candidates and rewards."""
    states, controls = np.array(request["states"]), np.array(request["controls"])
    knots, answer = np.array(request["knots"]), {}
    for optimizer in ("ps", "mppi", "cem"):
        controller = controller_for(request["task"], optimizer)
        sensors = np.zeros((*states.shape[:2], controller.model.nsensordata))
        rewards = controller.task.reward(states, sensors, controls)
        answer["rewards"] = rewards.tolist()
        scaled = np.array(request["rewards"])
        answer[optimizer] = controller.optimizer.update_nominal_knots(knots, scaled).tolist()
        if optimizer == "cem":
            answer["sigma"] = controller.optimizer.sigma.tolist()
    return answer


def main() -> None:
    commands = {"plans": plans, "episode": episode, "update": update}
    # Everything that judo prints goes to stderr; stdout carries answers only.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(commands[request.pop("command")](request)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
