"""The same states, controls, knots and rewards through judo and through us: equal to 1e-12 where the meaning is the same.

python benchmarks/control/differential.py PYTHON_OF_JUDOS_ENVIRONMENT
"""

from __future__ import annotations

import sys

import numpy as np
from compare_judo import Judo
from ours import make
from taskloom_control.optimizers.cem import CEM
from taskloom_control.optimizers.knots import KnotShape
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling

SIZES = {"cartpole": (4, 1, 6), "cylinder_push": (8, 2, 6)}


def compare(judo: Judo, task: str) -> dict[str, float]:
    """Return the largest difference of every quantity."""
    width, nu, sensors = SIZES[task]
    rng = np.random.default_rng(0)
    states, controls = rng.normal(size=(32, 20, width)), rng.normal(size=(32, 20, nu))
    knots, rewards = rng.normal(size=(32, 4, nu)), 0.05 * rng.normal(size=32)
    answer = judo.ask(
        "update",
        task=task,
        states=states.tolist(),
        controls=controls.tolist(),
        knots=knots.tolist(),
        rewards=rewards.tolist(),
    )
    mine = make(task)
    got = mine.reward(states, np.zeros((32, 20, sensors)), controls, mine.config)
    gaps = {"rewards": float(np.abs(got - answer["rewards"]).max())}
    shape = KnotShape(4, nu)
    cem = CEM(num_elites=2, sigma_min=0.1, sigma_max=1.0)
    for optimizer in (PredictiveSampling(), MPPI(temperature=0.05, ess=0), cem):
        state = optimizer.init(shape)
        optimizer.update(state, knots, rewards)
        gaps[optimizer.kind] = float(np.abs(state.nominal - answer[optimizer.kind]).max())
        if optimizer is cem:
            gaps["sigma"] = float(np.abs(state.arrays["sigma"] - answer["sigma"]).max())
    return gaps


def main() -> None:
    judo = Judo(sys.argv[1])
    worst = 0.0
    for task in SIZES:
        gaps = compare(judo, task)
        print(task, {name: f"{gap:.1e}" for name, gap in gaps.items()})
        worst = max(worst, *gaps.values())
    judo.close()
    if worst > 1e-12:
        sys.exit(f"the largest difference is {worst:.2e}")


if __name__ == "__main__":
    main()
