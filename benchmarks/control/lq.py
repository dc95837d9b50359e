"""Gap to the optimum of the LQ point mass after 200 iterations of 32 rollouts from one state.

python benchmarks/control/lq.py
"""

from __future__ import annotations

import json

import numpy as np
from ours import make
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.planning.controller import Controller

OPTIMUM = 9.833599405983701
# judo's median gaps at the same number of rollouts.
JUDO = {"ps": 2.0e-3, "mppi": 1.04e-3, "cem": 1.6e-5}
CASES: list[dict[str, object]] = [
    {"kind": "ps", "sigma": 0.01},
    {"kind": "mppi", "sigma": 0.01, "temperature": 0.002, "ess": 0},
    {"kind": "cem", "sigma_start": 0.15, "sigma_min": 0.005, "sigma_max": 0.3},
    {"kind": "cma_es", "sigma_min": 1e-4},
]


def gap(optimizer: dict[str, object], iterations: int, seed: int) -> float:
    """Return the relative gap of the nominal plan."""
    task = make(
        "lq_point_mass", optimizer=optimizer, controller={"horizon": 1.0, "iterations": iterations}
    )
    simulation, controller = (
        Simulation(make("lq_point_mass"), task.config),
        Controller(task, task.config, seed),
    )
    simulation.data.qpos[0] = 1.0
    _, stats = controller.plan(simulation.snapshot(), {})
    cost = -stats.reward
    if optimizer["kind"] not in ("ilqr", "lqr"):
        cost = -float(controller.problem.evaluate(controller.search.nominal[None])[0])
    controller.close()
    return cost / OPTIMUM - 1


def main() -> None:
    for case in CASES:
        gaps = [gap({"num_nodes": 20, "num_rollouts": 32, **case}, 200, seed) for seed in range(5)]
        print(
            json.dumps({**case, "gap": float(np.median(gaps)), "judo": JUDO.get(str(case["kind"]))})
        )
    print(json.dumps({"kind": "ilqr", "gap": gap({"kind": "ilqr"}, 3, 0)}))
    print(json.dumps({"kind": "lqr", "gap": gap({"kind": "lqr"}, 1, 0)}))


if __name__ == "__main__":
    main()
