"""One episode of a task on a seed, with its cost charged to the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from taskloom import derive_seed
from taskloom.errors import RunCorruptError, StoreError
from taskloom.runs.locks import acquire

from taskloom_control.bench.variants import Bound, for_seed, planner_digest
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.metrics import episode_metrics
from taskloom_control.planning.splines import num_steps

# Another process holds the file for one line only [s].
_PATIENCE = 5.0
# No row has more bytes.
_LONGEST_ROW = 1 << 16
# The mean cost of this long before an early end says how it would have gone on [s].
_LAST = 0.5


@dataclass(frozen=True)
class Episode:
    """Outcome of an episode.

    Attributes:
        task: The task's name.
        settings: Digest of the settings.
        planner: Digest of the planner's code.
        seed: Its seed.
        success: Whether it was solved; never if it ended early.
        cost: Mean cost of a simulated step over the whole episode.
        settled: Time from which on the criterion held [s]; None if it did not.
        charged: Share of the episode that was not played, and is charged.
        physics: Steps of the physics that its plans computed for each simulated second.
        cpu: CPU time of the process for it, all threads together [s].
    """

    task: str
    settings: str
    planner: str
    seed: int
    success: bool
    cost: float
    settled: float | None
    charged: float
    physics: float
    cpu: float


def play(task: Bound, settings: str, seed: int) -> Episode:
    """Play an episode: the run that `tasks run` does with this seed.

    Args:
        task: The task under the settings.
        settings: Their digest, which the row names.
        seed: The seed.

    Raises:
        ControlError: The task cannot be planned for.
    """
    mine, began = for_seed(task, seed), time.process_time()
    loop = ClosedLoop(mine, derive_seed(seed, "plan"), derive_seed(seed, "reset"))
    try:
        while not loop.done:
            loop.advance()
        arrays = loop.arrays()
        metrics = episode_metrics(loop.simulation, arrays, loop.config)
        physics = loop.controller.physics / max(loop.simulation.time, loop.simulation.dt)
    finally:
        loop.close()
    costs = -arrays.get("reward", np.zeros(0))
    missing = loop.num_steps - len(costs)
    return Episode(
        task.name,
        settings,
        planner_digest(),
        seed,
        bool(metrics["success"]) and not missing,
        _whole_cost(mine, costs, loop.num_steps, loop.simulation.dt),
        metrics.get("settling_time") if not missing else None,
        missing / loop.num_steps,
        physics,
        time.process_time() - began,
    )


def _whole_cost(task: Bound, costs: np.ndarray, steps: int, dt: float) -> float:
    """Return the mean cost of an episode's steps; those after an early end cost what it ended with, or what doing nothing does."""
    missing = steps - len(costs)
    total = float(costs[np.isfinite(costs)].sum())
    if missing:
        last = costs[-num_steps(_LAST, dt) :]
        last = last[np.isfinite(last)]
        # Without it, falling over early is cheap.
        charge = max(float(last.mean()) if last.size else -np.inf, idle_cost(task))
        total += (steps - int(np.isfinite(costs).sum())) * charge
    return total / steps


def idle_cost(task: Bound) -> float:
    """Return the mean cost of a step while no control acts, from the beginning of the episode that the config's seed names."""
    seed = derive_seed(task.config.seed, "reset")
    simulation = Simulation(task.copy(), task.config)
    simulation.reset(np.random.default_rng(seed))
    low, high = simulation.task.control_bounds()
    still, rewards = np.clip(np.zeros(low.size), low, high), []
    for _ in range(num_steps(task.config.seconds, simulation.dt)):
        rewards.append(simulation.step(still))
        if simulation.unstable or simulation.task.terminated():
            break
    kept = np.array(rewards)
    kept = kept[np.isfinite(kept)]
    return -float(kept.mean()) if kept.size else 0.0


class EpisodeFile:
    """Rows of episodes that were played, a line of JSON each, so that a measurement may be broken off and continued.

    Args:
        path: The file; made with the first row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = {(row.task, row.settings, row.planner, row.seed): row for row in self._read()}

    def known(self, task: str, settings: str, planner: str, seed: int) -> Episode | None:
        """Return an episode that was noted, None if there is none."""
        return self._known.get((task, settings, planner, seed))

    def play(self, task: Bound, settings: str, seed: int) -> Episode:
        """Return the episode of a seed: as it was noted, or played and noted now.

        Raises:
            StoreError: The file cannot be written.
        """
        key = (task.name, settings, planner_digest(), seed)
        if key not in self._known:
            self._known[key] = play(task, settings, seed)
            self._append(self._known[key])
        return self._known[key]

    def _append(self, row: Episode) -> None:
        """Note a row behind all that other processes have noted, in the place of one that was cut off while it was written."""
        line = json.dumps(asdict(row)) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            held = acquire(self.path.with_suffix(".lock"), patience=_PATIENCE)
            try:
                with self.path.open("a+b") as file:
                    file.truncate(_end_of_rows(file))
                    file.write(line.encode())
            finally:
                held.release()
        except OSError as error:
            raise StoreError(
                f"The file '{self.path}' of episodes cannot be written: {error.strerror}."
            ) from None

    def _read(self) -> Iterator[Episode]:
        if not self.path.exists():
            return
        lines = self.path.read_bytes().splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return  # cut off, which the next row takes the place of
            try:
                yield Episode(**json.loads(line))
            except (ValueError, TypeError):
                raise RunCorruptError(
                    f"Line {number} of the file '{self.path}' is no episode."
                ) from None


def _end_of_rows(file: BinaryIO) -> int:
    """Return the position after the last line that was written to its end."""
    size = file.seek(0, os.SEEK_END)
    begin = file.seek(max(size - _LONGEST_ROW, 0))
    return begin + file.read().rfind(b"\n") + 1
