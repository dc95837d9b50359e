"""Figures of a measurement: intervals of one side, and paired differences of two. Every statistic is of `taskloom.statistics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval, mean_interval
from taskloom.statistics.shares import share_interval
from taskloom.statistics.significance import holm, mcnemar_test, sign_flip_test

if TYPE_CHECKING:
    from taskloom_control.bench.episodes import Episode

MARGIN = 0.05
"""Share of the other side's mean cost below which a difference counts as none, fixed beforehand."""

Verdict = Literal["better", "worse", "no worse", "undecided"]


@dataclass(frozen=True)
class Side:
    """Episodes of one task under one set of settings.

    Attributes:
        name: Name of the side.
        settings: Digest of its settings.
        episodes: Its episodes, in the order of the seeds.
    """

    name: str
    settings: str
    episodes: tuple[Episode, ...]

    @property
    def solved(self) -> int:
        """Number of episodes that were solved."""
        return sum(row.success for row in self.episodes)

    @property
    def success(self) -> Interval:
        """Share of solved episodes with its exact interval."""
        return share_interval(self.solved, len(self.episodes), "clopper-pearson")

    @property
    def cost(self) -> Interval:
        """Mean cost of a simulated step with its t interval over seeds."""
        return mean_interval([row.cost for row in self.episodes])

    @property
    def worst_decile(self) -> float:
        """Mean cost of the worst tenth of the episodes, rounded up to whole ones."""
        costs = sorted((row.cost for row in self.episodes), reverse=True)
        worst = costs[: -(-len(costs) // 10)]
        return sum(worst) / len(worst)

    @property
    def physics(self) -> float:
        """Steps of the physics for each simulated second."""
        return sum(row.physics for row in self.episodes) / len(self.episodes)

    @property
    def cpu(self) -> float:
        """CPU time of an episode [s]."""
        return sum(row.cpu for row in self.episodes) / len(self.episodes)

    @property
    def charged(self) -> int:
        """Number of episodes that ended early."""
        return sum(row.charged > 0 for row in self.episodes)


@dataclass(frozen=True)
class PairedCosts:
    """One side less another, paired over common seeds.

    Attributes:
        first: Name of the first side.
        second: Name of the second side.
        cost: Difference of the mean costs with its t interval.
        p: p-value of the sign-flip test, adjusted by Holm's method for all comparisons of one measurement; None if nothing differs.
        lower: Number of seeds on which the first side's cost is lower.
        gained: Seeds that only the first side solved.
        lost: Seeds that only the second side solved.
        p_success: p-value of McNemar's exact test; None if the sides solved the same episodes.
        verdict: What the interval says: `better` and `worse` exclude 0, `no worse` lies below 5 % of the second side's mean.
    """

    first: str
    second: str
    cost: Interval
    p: float | None
    lower: int
    gained: int
    lost: int
    p_success: float | None
    verdict: Verdict


def compare(pairs: Sequence[tuple[Side, Side]]) -> list[PairedCosts]:
    """Return the comparisons of some pairs of sides, as one family.

    Args:
        pairs: Pairs of sides of the same task with the same seeds.
    """
    found = [_compared(first, second) for first, second in pairs]
    adjusted = iter(holm([made.p for made in found if made.p is not None]))
    return [made if made.p is None else replace(made, p=next(adjusted)) for made in found]


def _compared(first: Side, second: Side) -> PairedCosts:
    ours = {row.seed: row.cost for row in first.episodes}
    theirs = {row.seed: row.cost for row in second.episodes}
    difference = paired_difference(ours, theirs)
    gaps = [ours[seed] - theirs[seed] for seed in ours]
    solved = [row.success for row in first.episodes], [row.success for row in second.episodes]
    gained = sum(a and not b for a, b in zip(*solved, strict=True))
    lost = sum(b and not a for a, b in zip(*solved, strict=True))
    return PairedCosts(
        first.name,
        second.name,
        difference.interval,
        sign_flip_test(gaps).p,
        sum(gap < 0 for gap in gaps),
        gained,
        lost,
        mcnemar_test(*solved).p,
        _verdict(difference.interval, difference.second),
    )


def _verdict(interval: Interval, base: float) -> Verdict:
    """Return what an interval of a difference of costs says, given the second side's mean."""
    if interval.low is None or interval.high is None:
        return "undecided"
    if interval.high < 0:
        return "better"
    if interval.low > 0:
        return "worse"
    return "no worse" if interval.high <= MARGIN * abs(base) else "undecided"


def ranking(sides: Sequence[Side]) -> list[Side]:
    """Return sides from the lowest mean cost to the highest; ties keep their order."""
    return sorted(sides, key=lambda side: side.cost.estimate)
