"""Common part of the benchmarks: episodes and plans of our own tasks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from taskloom.bound import BoundTask
from taskloom.opening import open_task
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.metrics import episode_metrics
from taskloom_control.task import ControlTask

QUIET = {"fan_every": 0, "animation": False}


def bound(name: str, **config: object) -> BoundTask[ControlTask[Any], Any]:
    """Return a task with its config, by name."""
    return open_task(f"control/{name}", {"record": QUIET, **config})


def make(name: str, **config: object) -> ControlTask[Any]:
    """Return a task by name."""
    return bound(name, **config).task


def start(name: str, seed: int) -> tuple[list[float], list[float]]:
    """Return the beginning of an episode: positions and velocities."""
    task = make(name)
    simulation = Simulation(task, task.config)
    simulation.reset(np.random.default_rng(seed))
    return simulation.data.qpos.tolist(), simulation.data.qvel.tolist()


def play(
    name: str, seed: int, **config: object
) -> tuple[dict[str, np.ndarray], dict[str, float], float]:
    """Return trajectory, metrics and CPU seconds of an episode."""
    began = time.process_time()
    loop = ClosedLoop(bound(name, **config), seed, seed)
    try:
        while not loop.done:
            loop.advance()
        arrays = loop.arrays()
        metrics = episode_metrics(loop.simulation, arrays, loop.config)
    finally:
        loop.close()
    return arrays, metrics, time.process_time() - began


def bootstrap(values: np.ndarray, draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (draws, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
