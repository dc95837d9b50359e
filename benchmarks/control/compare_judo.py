"""Closed loops of judo's planners and of ours, from the same beginnings, with the same physics budget.

    python benchmarks/control/compare_judo.py PYTHON_OF_JUDOS_ENVIRONMENT [--seeds 20] [--task cartpole] [--json FILE]

judo-rai 0.1.0 wants mujoco 3.6 and dora-rs 0.4.1, in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from ours import bootstrap, play, start

STEPS = {"cartpole": (250, 1), "cylinder_push": (500, 2)}


class Judo:
    """The worker process."""

    def __init__(self, python: str) -> None:
        worker = Path(__file__).with_name("judo_worker.py")
        self._process = subprocess.Popen(
            [python, str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, command: str, **request: object) -> dict[str, Any]:
        """Return the answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **request}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def held(task: str, states: np.ndarray) -> bool:
    """Say whether the last two seconds were within the published tolerance."""
    if task == "cartpole":
        last = states[-50:]
        good = (
            (1 - np.cos(last[:, 1]) < 0.02)
            & (np.abs(last[:, 0]) < 0.15)
            & (np.abs(last[:, 3]) < 0.5)
        )
    else:
        good = np.linalg.norm(states[-100:, 2:4], axis=1) < 0.1
    return bool(good.all())


def closed_loops(judo: Judo, seeds: int, tasks: list[str]) -> list[dict[str, Any]]:
    """Play every pair of these tasks on both sides, seed by seed, and return rows of results."""
    rows = []
    variants: dict[str, list[tuple[str, dict[str, Any]]]] = {
        task: [
            ("cem", {}),
            ("ps", {"optimizer": {"kind": "ps"}}),
            ("mppi", {"optimizer": {"kind": "mppi"}}),
        ]
        for task in STEPS
    }
    for task in tasks:
        steps, every = STEPS[task]
        for optimizer, config in variants[task]:
            mine, theirs, mine_held, their_held = [], [], 0, 0
            for seed in range(seeds):
                qpos, qvel = start(task, seed)
                answer = judo.ask(
                    "episode",
                    task=task,
                    optimizer=optimizer,
                    qpos=qpos,
                    qvel=qvel,
                    steps=steps,
                    every=every,
                    seed=seed,
                )
                theirs.append(-np.mean(answer["rewards"]))
                their_held += held(task, np.array(answer["states"]))
                arrays, _, _ = play(task, seed, **config)
                mine.append(-arrays["reward"].mean())
                states = np.concatenate([arrays["qpos"], arrays["qvel"]], axis=1)
                mine_held += held(task, states[1:])
            gap = np.array(mine) - np.array(theirs)
            row = {
                "task": task,
                "optimizer": optimizer,
                "ours": float(np.mean(mine)),
                "judo": float(np.mean(theirs)),
                "difference": bootstrap(gap),
                "ours_held": mine_held / seeds,
                "judo_held": their_held / seeds,
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    fewer = [(kind, rollouts) for kind in ("cem", "ps", "mppi") for rollouts in (16, 8)]
    for kind, rollouts in fewer if "cylinder_push" in tasks else ():
        # A component that is named anew begins at its own defaults, not at the task's.
        spread = {"sigma_start": 0.3, "sigma_min": 0.02} if kind == "cem" else {}
        optimizer = {"kind": kind, "num_rollouts": rollouts, **spread}
        costs = [
            -play("cylinder_push", seed, optimizer=optimizer)[0]["reward"].mean()
            for seed in range(seeds)
        ]
        row = {
            "task": "cylinder_push",
            "optimizer": f"{kind}, {rollouts} rollouts",
            "ours": float(np.mean(costs)),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--task", action="append", choices=list(STEPS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    judo = Judo(arguments.python)
    try:
        rows = closed_loops(judo, arguments.seeds, arguments.task or list(STEPS))
    finally:
        judo.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
