"""CPU time of whole plans over the CPU time of the physics in them, interleaved; and of judo's, if its Python is given.

python benchmarks/control/overhead.py [PYTHON_OF_JUDOS_ENVIRONMENT] [--plans 300]

The physics is rolled out twice: by MuJoCo's pool of twice as many threads as cores (`raw`), which takes the least wall-clock
time of its pools, and by the calling thread alone (`alone`), which takes the least CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import mujoco
import numpy as np
from compare_judo import Judo
from mujoco import rollout
from ours import make
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.mjcf.physics import FULL_PHYSICS, Snapshot, apply_snapshot
from taskloom_control.planning.controller import Controller

CASES = {"cartpole": 25.0, "cylinder_push": 25.0, "quadruped_walk": 25.0, "hand_cube": 25.0}


class Raw:
    """The same rollouts with nothing around them: one shared model, arrays allocated once, as many threads."""

    def __init__(self, model: mujoco.MjModel, controls: np.ndarray, threads: int) -> None:
        size = mujoco.mj_stateSize(model, FULL_PHYSICS)
        count, steps = controls.shape[:2]
        self._model, self._controls = [model] * count, np.ascontiguousarray(controls)
        self._datas = [mujoco.MjData(model) for _ in range(max(threads, 1))]
        self._pool = rollout.Rollout(nthread=threads)
        self._initial = np.empty((count, size))
        self._warm = np.empty((count, model.nv))
        self._state, self._sensors = (
            np.empty((count, steps, size)),
            np.empty((count, steps, model.nsensordata)),
        )
        self._scratch = mujoco.MjData(model)

    def run(self, snapshot: Snapshot) -> None:
        """Roll out."""
        model = self._model[0]
        apply_snapshot(snapshot, model, self._scratch)
        mujoco.mj_getState(model, self._scratch, self._initial[0], FULL_PHYSICS)
        self._initial[:] = self._initial[0]
        self._warm[:] = self._scratch.qacc_warmstart
        self._pool.rollout(
            self._model, self._datas, self._initial, self._controls, skip_checks=True,
            nstep=self._controls.shape[1], initial_warmstart=self._warm, state=self._state, sensordata=self._sensors,
        )  # fmt: skip


def measure(name: str, plans: int) -> dict[str, Any]:
    """Return medians of plans and of the same physics, taken in turns along a closed loop."""
    task = make(name)
    simulation, controller = (
        Simulation(task, task.config),
        Controller(type(task)(task.config), task.config, 0),
    )
    simulation.reset(np.random.default_rng(0))
    snapshot = simulation.snapshot()
    qpos, qvel = snapshot.qpos.tolist(), snapshot.qvel.tolist()
    metadata = simulation.task.get_sim_metadata()
    controller.plan(snapshot, metadata)
    threads = 2 * (os.cpu_count() or 1)
    raw: Raw | None = None
    alone: Raw | None = None
    times: dict[str, list[float]] = {"plan_cpu": [], "raw_cpu": [], "plan_wall": [], "raw_wall": []}
    times["alone_cpu"] = []
    for i in range(plans + 20):
        if raw is not None:
            raw.run(snapshot)  # the plan, too, finds the physics in the caches
        c, w = time.process_time(), time.perf_counter()
        controller.plan(snapshot, metadata)
        plan = time.process_time() - c, time.perf_counter() - w
        controls = controller.engine.buffer(
            task.config.optimizer.num_rollouts, controller.grid.num_steps
        )
        if raw is None or alone is None:
            raw, alone = Raw(task.model, controls, threads), Raw(task.model, controls, 0)
        raw._controls[:], alone._controls[:] = controls, controls
        c, w = time.process_time(), time.perf_counter()
        raw.run(snapshot)
        physics = time.process_time() - c, time.perf_counter() - w
        c = time.process_time()
        alone.run(snapshot)
        single = time.process_time() - c
        if i >= 20:
            values = (plan[0], physics[0], plan[1], physics[1], single)
            for key, value in zip(times, values, strict=True):
                times[key].append(value)
    row: dict[str, Any] = {key: 1e3 * float(np.median(values)) for key, values in times.items()}
    ratios = np.array(times["plan_cpu"]) / np.array(times["raw_cpu"])
    row |= {
        "task": name,
        "cpu_ratio": row["plan_cpu"] / row["raw_cpu"],
        "median_of_ratios": float(np.median(ratios)),
        "over_alone": row["plan_cpu"] / row["alone_cpu"],
    }
    steps = (
        task.config.optimizer.num_rollouts
        * controller.grid.num_steps
        * task.config.controller.iterations
    )
    row |= {"steps": steps, "qpos": qpos, "qvel": qvel, "us_per_step": 1e3 * row["raw_cpu"] / steps}
    controller.close()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?")
    parser.add_argument("--plans", type=int, default=300)
    arguments = parser.parse_args()
    judo = Judo(arguments.python) if arguments.python else None
    for name in CASES:
        count = (
            arguments.plans
            if name in ("cartpole", "cylinder_push")
            else max(arguments.plans // 10, 10)
        )
        row = measure(name, count)
        qpos, qvel = row.pop("qpos"), row.pop("qvel")
        if judo is not None and name in ("cartpole", "cylinder_push"):
            answer = judo.ask(
                "plans", task=name, optimizer="cem", qpos=qpos, qvel=qvel, count=count
            )
            row["judo_cpu"] = 1e3 * float(np.median(answer["cpu"]))
            row["judo_wall"] = 1e3 * float(np.median(answer["wall"]))
        print(
            json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}),
            flush=True,
        )
    if judo is not None:
        judo.close()


if __name__ == "__main__":
    main()
