"""Regret to a near-optimal reference: the same planner with eight times the physics and a longer horizon, on the first test seeds.

    regret = (cost - reference) / max(reference, 1e-3 of doing nothing)

A side that beats the reference on a seed takes its place there, so the reference is the best that is known, and the regret is a
lower bound of that to the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskloom.statistics.intervals import Interval, mean_interval

from taskloom_control.bench.comparison import Side
from taskloom_control.bench.effort import steps_of_a_candidate
from taskloom_control.bench.episodes import EpisodeFile, idle_cost
from taskloom_control.bench.variants import Bound, for_seed, settings_digest, with_values
from taskloom_control.optimizers.base import SamplingOptimizer

SEEDS = 10
"""Seeds that a reference is played on."""
AFFORDED = 3.0
"""CPU time of an episode up to which a reference is afforded [s]."""
_PHYSICS, _HORIZON = 8.0, 1.5
# Regrets are relative to no less than this share of what doing nothing costs.
_LEAST = 1e-3


@dataclass(frozen=True)
class Regret:
    """Regret of one side.

    Attributes:
        side: Name of the side.
        relative: Its mean over seeds with a t interval.
        beaten: Seeds on which the side is better than the long search.
    """

    side: str
    relative: Interval
    beaten: int


def reference_of(task: Bound) -> Bound:
    """Return a task under the settings of its reference: horizon times 1.5, and eight times the physics."""
    settings = task.config.controller
    longer = with_values(task, {"controller.horizon": min(60.0, settings.horizon * _HORIZON)})
    if not isinstance(task.config.optimizer, SamplingOptimizer):
        more = max(1, round(settings.iterations * _PHYSICS / _HORIZON))
        return with_values(longer, {"controller.iterations": more})
    budget = steps_of_a_candidate(task) * task.config.optimizer.num_rollouts * _PHYSICS
    count = max(1, int(budget / steps_of_a_candidate(longer)))
    return with_values(longer, {"optimizer.num_rollouts": count})


def regrets(task: Bound, sides: tuple[Side, ...], file: EpisodeFile) -> list[Regret]:
    """Return the regret of every side; none if an episode is too long for a reference to be afforded.

    Args:
        task: The task; the reference plans as it does, longer.
        sides: Sides with common seeds.
        file: Rows of episodes; those of the reference are kept there too.

    Raises:
        StoreError: The rows cannot be written.
    """
    if min(side.cpu for side in sides) > AFFORDED:
        return []
    long_search = reference_of(task)
    digest = settings_digest(long_search)
    seeds = [row.seed for row in sides[0].episodes[:SEEDS]]
    found = {seed: file.play(long_search, digest, seed).cost for seed in seeds}
    costs = {side.name: {row.seed: row.cost for row in side.episodes} for side in sides}
    best = {seed: min(found[seed], *(row[seed] for row in costs.values())) for seed in seeds}
    scale = {seed: max(best[seed], _LEAST * idle_cost(for_seed(task, seed))) for seed in seeds}
    return [
        Regret(
            name,
            mean_interval([(row[seed] - best[seed]) / scale[seed] for seed in seeds]),
            sum(row[seed] < found[seed] for seed in seeds),
        )
        for name, row in costs.items()
    ]
