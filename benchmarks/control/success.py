"""Share of episodes that each task solves at its default settings, with its 95 % interval.

python benchmarks/control/success.py [--seeds 10] [TASK ...]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from ours import interval, play
from taskloom_control.domain import DOMAIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    for name in arguments.tasks or [ref.name for ref in DOMAIN.tasks]:
        results = [play(name, seed) for seed in range(arguments.seeds)]
        solved = sum(int(metrics["success"]) for _, metrics, _ in results)
        settled = [
            metrics["settling_time"] for _, metrics, _ in results if "settling_time" in metrics
        ]
        row = {
            "task": name,
            "solved": solved,
            "episodes": arguments.seeds,
            "interval": [round(v, 3) for v in interval(solved, arguments.seeds)],
            "cost": float(np.mean([metrics["cost"] for _, metrics, _ in results])),
            "settled_median": float(np.median(settled)) if settled else None,
            "cpu_seconds": float(np.mean([cpu for _, _, cpu in results])),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
