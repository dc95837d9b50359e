"""iLQR's plans executed with their gains against the same plans executed as they are, paired by seed.

    python benchmarks/control/feedback.py [--seeds N] [--freq HZ] [TASK ...]

Both sides plan equally often with the same iterations; the masses of the plant are scaled, of which neither is told.
"""

from __future__ import annotations

import argparse

import numpy as np
from ours import bound
from taskloom import derive_seed
from taskloom.statistics.differences import paired_difference
from taskloom_control.bench.variants import Bound, for_seed, with_values
from taskloom_control.closed_loop.loop import ClosedLoop

TASKS = ("pendulum", "cartpole", "double_cartpole", "acrobot", "lq_point_mass")


def cost(task: Bound, seed: int) -> float:
    """Return the mean cost of a step of an episode."""
    loop = ClosedLoop(for_seed(task, seed), derive_seed(seed, "plan"), derive_seed(seed, "reset"))
    while not loop.done:
        loop.advance()
    loop.close()
    return -float(np.mean(loop.arrays()["reward"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--freq", type=float, default=10.0, help="Plans a second.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--mass", type=float, default=1.3, help="Of the plant over its model's.")
    arguments = parser.parse_args()
    print("| task | as planned | with feedback | difference, 95 % |")
    print("| --- | ---: | ---: | --- |")
    for name in arguments.tasks or TASKS:
        plain = with_values(
            bound(name),
            {
                "optimizer": {"kind": "ilqr"},
                "controller.control_freq": arguments.freq,
                "controller.iterations": 3,
                "controller.spline": "zero",
                "seconds": arguments.seconds,
                "plant.mass_scale": arguments.mass,
            },
        )
        fed = with_values(plain, {"controller.feedback": "ilqr"})
        costs = [
            {seed: cost(side, seed) for seed in range(arguments.seeds)} for side in (plain, fed)
        ]
        found = paired_difference(costs[1], costs[0]).interval
        means = [float(np.mean(list(side.values()))) for side in costs]
        low, high = found.low, found.high
        interval = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
        print(
            f"| {name} | {means[0]:.4g} | {means[1]:.4g} | {found.estimate:+.3g}{interval} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
