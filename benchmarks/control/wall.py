"""Wall-clock time of plans, judo's and ours in turns, with the same samples: for an otherwise idle machine, in under three minutes.

python benchmarks/control/wall.py PYTHON_OF_JUDOS_ENVIRONMENT [--rounds 12] [--plans 60]

Both plan with judo's cross-entropy settings from one state of the same system: as many rollouts, knots and steps. Rounds
alternate between the two processes, so that a slow moment of the machine hits both; the figure is the ratio of the medians, with
the range of the ratios of single rounds. The bars: judo takes at least 2 times as long on cartpole, 1.15 times on cylinder_push.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from compare_judo import Judo
from ours import make, start
from overhead import Raw
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.planning.controller import Controller

# As many as judo's worker leaves out.
_UNCOUNTED = 20
BARS = {"cartpole": 2.0, "cylinder_push": 1.15}
# judo's defaults: 32 rollouts of a second, 4 knots held, 2 elites, one iteration; its noise is in actuator units.
SETTINGS: dict[str, Any] = {
    "optimizer": {"kind": "cem", "num_rollouts": 32, "num_nodes": 4, "num_elites": 2, "keep": 0,
                  "sigma_start": 0.55, "sigma_min": 0.1, "sigma_max": 1.0},
    "controller": {"horizon": 1.0, "spline": "zero", "iterations": 1, "action_normalizer": "none"},
}  # fmt: skip


class Ours:
    """A controller at a state, and the physics of its last plan alone."""

    def __init__(self, name: str, qpos: list[float], qvel: list[float]) -> None:
        task = make(name, **SETTINGS)
        task = make(name, **SETTINGS)
        simulation = Simulation(task, task.config)
        simulation.data.qpos[:], simulation.data.qvel[:] = qpos, qvel
        self.snapshot, self.controller = simulation.snapshot(), Controller(task, task.config, 0)
        self.controller.plan(self.snapshot, {})
        controls = self.controller.engine.buffer(32, self.controller.grid.num_steps)
        threads = 2 * (os.cpu_count() or 1)
        self.raw = Raw(task.model, controls, threads)

    def times(self, plans: int) -> tuple[list[float], list[float]]:
        """Return seconds of plans, one after the other as judo's are, and of their physics alone."""
        planned = _seconds(lambda: self.controller.plan(self.snapshot, {}), plans)
        return planned, _seconds(lambda: self.raw.run(self.snapshot), plans)


def _seconds(action: Callable[[], object], count: int) -> list[float]:
    """Return how long each of some calls took, after a few that are not counted."""
    times = []
    for _ in range(count + _UNCOUNTED):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return times[_UNCOUNTED:]


def compare(judo: Judo, name: str, rounds: int, plans: int) -> dict[str, Any]:
    """Return medians [ms] and ratios of one task."""
    qpos, qvel = start(name, 0)
    mine = Ours(name, qpos, qvel)
    mine.times(plans)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    raw: list[list[float]] = []
    for _ in range(rounds):
        planned, simulated = mine.times(plans)
        ours.append(planned)
        raw.append(simulated)
        request = {"task": name, "optimizer": "cem", "qpos": qpos, "qvel": qvel, "count": plans}
        theirs.append(judo.ask("plans", **request)["wall"])
    mine.controller.close()
    single = [float(np.median(b) / np.median(a)) for a, b in zip(ours, theirs, strict=True)]
    ratio = float(np.median(np.concatenate(theirs)) / np.median(np.concatenate(ours)))
    return {
        "task": name,
        "ours_ms": round(1e3 * float(np.median(np.concatenate(ours))), 3),
        "judo_ms": round(1e3 * float(np.median(np.concatenate(theirs))), 3),
        "physics_alone_ms": round(1e3 * float(np.median(np.concatenate(raw))), 3),
        "judo_over_ours": round(ratio, 3),
        "single_rounds": [round(min(single), 2), round(float(np.median(single)), 2), round(max(single), 2)],
        "bar": BARS[name],
        "met": ratio >= BARS[name],
        "load": [round(v, 2) for v in os.getloadavg()],
    }  # fmt: skip


def main() -> None:
    """Compare both tasks and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--plans", type=int, default=60)
    arguments = parser.parse_args()
    judo = Judo(arguments.python)
    try:
        for name in BARS:
            print(json.dumps(compare(judo, name, arguments.rounds, arguments.plans)), flush=True)
    finally:
        judo.close()


if __name__ == "__main__":
    main()
