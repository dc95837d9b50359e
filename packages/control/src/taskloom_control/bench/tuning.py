"""Settings of a task, chosen by successive halving on the tuning seeds.

Some settings are tried on a few seeds, the best third on more, the last four on most. Within each seed the settings are ranked, and
mean ranks decide: one bad seed decides nothing, which it would among mean costs. (K. Jamieson and A. Talwalkar, AISTATS 2016.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from scipy.stats import rankdata
from taskloom.errors import TaskloomError

from taskloom_control.bench.effort import TOLERANCE, within_budget
from taskloom_control.bench.episodes import Episode, EpisodeFile
from taskloom_control.bench.space import default_values, drawn_values
from taskloom_control.bench.variants import Bound, settings_digest, with_values
from taskloom_control.closed_loop.seeds import TUNING
from taskloom_control.optimizers.base import TrajectoryOptimizer

RUNGS = (2, 6, 24)
"""Seeds that the settings of each round have been played on at its end."""
FINALISTS = 4
"""Settings of the last round."""
_KEPT = 3  # a third of the settings goes on to the next round
# Seed of the Sobol points: the same command tries the same settings.
_SCRAMBLE = 0
# Settings that do not fit are replaced by further ones, out of so many times the number that is tried.
_DRAWN = 4
# A drawn setting may leave this share of the budget over: long plans come in large steps.
_LEFT_OVER = 0.2


@dataclass
class Candidate:
    """One setting that is tried.

    Attributes:
        task: The task under it.
        values: What it changes, by dotted path; empty for the settings that tuning began with.
        episodes: Its episodes, in the order of the tuning seeds.
        failed: Why it cannot be planned with; empty if it can.
    """

    task: Bound
    values: dict[str, object]
    episodes: list[Episode] = field(default_factory=list)
    failed: str = ""

    @property
    def cost(self) -> float:
        """Mean cost over its episodes."""
        return float(np.mean([row.cost for row in self.episodes]))

    @property
    def solved(self) -> int:
        """Number of episodes that were solved."""
        return sum(row.success for row in self.episodes)


@dataclass(frozen=True)
class Tuned:
    """Outcome of a search.

    Attributes:
        start: The setting that the search began with, at the budget.
        chosen: The setting that was chosen.
        finalists: The settings of the last round, the lowest mean cost first.
        tried: Number of settings that were played.
        unusable: Number of settings that cannot be planned with, or do not fit the budget.
        seeds: Tuning seeds of the last round.
    """

    start: Candidate
    chosen: Candidate
    finalists: tuple[Candidate, ...]
    tried: int
    unusable: int
    seeds: int


def search(
    start: Bound,
    file: EpisodeFile,
    tell: Callable[[str], None],
    *,
    names: Sequence[str],
    trials: int,
    budget: float | None,
    rungs: Sequence[int] = RUNGS,
) -> Tuned:
    """Return the best of some settings on the tuning seeds; the same arguments give the same answer.

    Args:
        start: The task with the settings to begin with, which are one of those that are tried; the task's defaults are another.
        file: Rows of episodes; those that it has are not played again.
        tell: Takes a sentence on the progress.
        names: Dimensions to search.
        trials: Number of settings, fewer where the dimensions have no more.
        budget: Steps of the physics for each simulated second that every setting spends; None for those of the start.
        rungs: Tuning seeds at the end of each round.

    Raises:
        ControlError: The settings to begin with cannot be planned with.
    """
    if budget is not None:
        start = within_budget(start, budget, tolerance=_LEFT_OVER)
    first = Candidate(start, {})
    first.episodes.append(file.play(start, settings_digest(start), TUNING[0]))
    spent = budget if budget is not None else first.episodes[0].physics
    drawn: list[Candidate] = []
    # The defaults come first, so that a search from other settings loses nothing that the task had.
    own = default_values(start, names)
    further = drawn_values(start, names, _DRAWN * (trials - 1), _SCRAMBLE)
    seen = {settings_digest(start)}
    for values in chain([own] if own else [], further):
        item = _candidate(start, values, spent)
        if not item.failed:
            digest = settings_digest(item.task)
            if digest in seen:
                continue  # of choices alone there are few, and an optimizer without the dimension stays as it was
            seen.add(digest)
        drawn.append(item)
        if sum(not item.failed for item in drawn) == trials - 1:
            break
    alive = [first, *(item for item in drawn if not item.failed)]
    for number, seeds in enumerate(rungs):
        for item in alive:
            _play(item, file, seeds, spent)
        usable = [item for item in alive if not item.failed]
        tell(f"{start.name}: {len(usable)} settings on {seeds} tuning seeds")
        last = number == len(rungs) - 1
        following = FINALISTS if number == len(rungs) - 2 else max(FINALISTS, len(usable) // _KEPT)
        alive = usable if last else _best(usable, following)
    finalists = tuple(sorted(alive, key=lambda item: item.cost))
    most = max(item.solved for item in finalists)
    # A cheaper setting that solves less has found a way around the criterion.
    chosen = next(item for item in finalists if item.solved >= most - 1)
    unusable = sum(bool(item.failed) for item in drawn)
    return Tuned(first, chosen, finalists, 1 + len(drawn) - unusable, unusable, rungs[-1])


def _candidate(start: Bound, values: dict[str, object], budget: float) -> Candidate:
    try:
        changed = with_values(start, values)
        return Candidate(within_budget(changed, budget, tolerance=_LEFT_OVER), values)
    except TaskloomError as error:
        return Candidate(start, values, failed=error.message)


def _play(item: Candidate, file: EpisodeFile, seeds: int, budget: float) -> None:
    """Play a candidate on further tuning seeds; one that cannot be planned with, or costs too much, is left out from then on."""
    digest = settings_digest(item.task)
    for seed in TUNING[len(item.episodes) : seeds]:
        try:
            item.episodes.append(file.play(item.task, digest, seed))
        except TaskloomError as error:
            if not item.values:
                raise
            item.failed = error.message
            return
        spent, optimizer = item.episodes[0].physics, item.task.config.optimizer
        # Line searches show their cost only now, and differ from seed to seed: the first one is the measure for all.
        is_dear = isinstance(optimizer, TrajectoryOptimizer) and spent > (1 + TOLERANCE) * budget
        if is_dear and item.values:
            item.failed = f"It spends {spent:,.0f} steps a second of {budget:,.0f}."
            return


def _best(items: list[Candidate], count: int) -> list[Candidate]:
    """Return the candidates with the lowest mean rank within seeds; ties keep their order."""
    costs = np.array([[row.cost for row in item.episodes] for item in items])
    ranks = rankdata(costs, axis=0).mean(axis=1)
    order = np.argsort(ranks, kind="stable")[:count]
    return [items[i] for i in order]
