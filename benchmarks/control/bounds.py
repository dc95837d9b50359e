"""Bounds of what a swing-up of the DeepMind suite can earn: returns of searches that no planner has the time for.

    python benchmarks/control/bounds.py

- `dm/pendulum.swingup` has two numbers of state: dynamic programming over a grid of them, MuJoCo's steps interpolated, gives the
  largest return of an episode, and its policy is played from the beginnings that the table of returns has.
- `dm/cartpole.swingup`: the controls of the first seconds are optimised as a whole, by a hundred iterations of iCEM, and every
  later control step counts 1, the most that there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import mujoco
import numpy as np
from ours import bound
from taskloom import __version__, derive_seed
from taskloom_control.bench.variants import Bound, for_seed, with_values
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.seeds import TUNING, sealed_seeds
from taskloom_control.closed_loop.simulation import Simulation

STEPS = 1000
# Beyond 15 rad/s no swing of this motor comes.
FASTEST = 15.0
TORQUES = (-1.0, 0.0, 1.0)
SWING = 2.0


class Grid:
    """The pendulum's states on a grid, and where MuJoCo takes each of them.

    Args:
        model: Its model.
        angles: Number of angles.
        speeds: Number of angular velocities.
    """

    def __init__(self, model: mujoco.MjModel, angles: int, speeds: int) -> None:
        self.model, self.data = model, mujoco.MjData(model)
        self.shape = (angles, speeds)
        self.angle = np.linspace(-math.pi, math.pi, angles, endpoint=False)
        self.speed = np.linspace(-FASTEST, FASTEST, speeds)
        self.reward = (np.cos(self.angle) >= math.cos(math.radians(8))).astype(float)[:, None]
        self.parts = [list(self.weights(*self.step_all(torque))) for torque in TORQUES]

    def step(self, angle: float, speed: float, torque: float) -> tuple[float, float]:
        """Return the state after a control step."""
        data = self.data
        data.qpos[0], data.qvel[0], data.ctrl[0] = angle, speed, torque
        mujoco.mj_step(self.model, data)
        return float(data.qpos[0]), float(data.qvel[0])

    def step_all(self, torque: float) -> tuple[np.ndarray, np.ndarray]:
        """Return where every state of the grid goes."""
        pairs = [self.step(a, v, torque) for a in self.angle for v in self.speed]
        after = np.array(pairs).reshape(*self.shape, 2)
        return after[..., 0], after[..., 1]

    def weights(self, angle: np.ndarray, speed: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Return rows, columns and weights of the four grid points around states."""
        angles, speeds = self.shape
        row = (angle + math.pi) / (2 * math.pi) * angles
        column = (np.clip(speed, -FASTEST, FASTEST) + FASTEST) / (2 * FASTEST) * (speeds - 1)
        low = np.floor(row).astype(int)
        left = np.minimum(np.floor(column).astype(int), speeds - 2)
        for i, j in np.ndindex(2, 2):
            share = np.abs(1 - i - (row - low)) * np.abs(1 - j - (column - left))
            yield (low + i) % angles, left + j, share

    def best(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest return, given that of one step later, and the torque that earns it."""
        # The suite rewards the state after a step.
        ahead = values + self.reward
        each = np.array([sum(ahead[r, c] * w for r, c, w in part) for part in self.parts])
        return each.max(axis=0), each.argmax(axis=0)


def pendulum(episodes: int, angles: int, speeds: int) -> tuple[float, float]:
    """Return the mean of the largest returns from the table's beginnings, and what the policy earns from them."""
    task = bound("dm/pendulum.swingup")
    grid = Grid(task.task.sim_model, angles, speeds)
    values, policies = np.zeros(grid.shape), []
    for _ in range(STEPS):
        values, chosen = grid.best(values)
        policies.append(chosen.astype(np.int8))
    promised, earned = [], []
    for seed in sealed_seeds(task.name, __version__, 1, episodes).values:
        mine = for_seed(task, seed)
        simulation = Simulation(mine.task, mine.config)
        simulation.reset(np.random.default_rng(derive_seed(seed, "reset")))
        angle, speed = float(simulation.data.qpos[0]), float(simulation.data.qvel[0])
        parts = list(grid.weights(np.array(angle), np.array(speed)))
        promised.append(float(sum(values[r, c] * w for r, c, w in parts)))
        total = 0.0
        for chosen in reversed(policies):
            nearest = max(grid.weights(np.array(angle), np.array(speed)), key=lambda p: float(p[2]))
            angle, speed = grid.step(angle, speed, TORQUES[chosen[nearest[0], nearest[1]]])
            total += float(math.cos(angle) >= math.cos(math.radians(8)))
        earned.append(total)
    return float(np.mean(promised)), float(np.mean(earned))


def cartpole(seed: int, iterations: int, candidates: int) -> float:
    """Return the largest return of the first seconds, with 1 for each later control step."""
    searched = {
        "seconds": 0.01,
        "controller": {"horizon": SWING, "iterations": iterations, "spline": "zero"},
        "optimizer": {"kind": "icem", "num_rollouts": candidates, "num_nodes": 40, "decay": 1.0}
        | {"num_elites": candidates // 10, "beta": 1.0, "sigma": 0.5},
    }
    task: Bound = for_seed(with_values(bound("dm/cartpole.swingup"), searched), seed)
    loop = ClosedLoop(task, derive_seed(seed, "plan"), derive_seed(seed, "reset"))
    try:
        found = loop.advance().reward
    finally:
        loop.close()
    return float(found) + STEPS - SWING / 0.01


def main() -> None:
    for angles, speeds in ((201, 201), (401, 401)):
        promised, earned = pendulum(10, angles, speeds)
        print(f"pendulum, {angles} x {speeds}: {promised:.0f}, its policy {earned:.0f}", flush=True)
    found = [cartpole(seed, 100, 400) for seed in list(TUNING)[:2]]
    print("cartpole:", ", ".join(f"{item:.0f}" for item in found))


if __name__ == "__main__":
    main()
