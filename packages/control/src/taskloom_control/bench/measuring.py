"""Measurements: sides of one task, played on the same seeds and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from taskloom import __version__

from taskloom_control.bench.comparison import PairedCosts, Side, compare, ranking
from taskloom_control.bench.episodes import Episode, EpisodeFile
from taskloom_control.bench.variants import Bound, planner_digest, settings_digest
from taskloom_control.closed_loop.ledger import Ledger, LedgerRow
from taskloom_control.closed_loop.seeds import (
    DEVELOPMENT,
    SeedSet,
    named_seeds,
    sealed_count,
    sealed_seeds,
)

# A sentence after every so many seeds.
_TOLD = 10


@dataclass(frozen=True)
class Measurement:
    """Sides of one task on common seeds.

    Attributes:
        task: The task's name.
        seeds: The seeds.
        look: The look that the ledger has noted; None for seeds that give no result.
        sides: The sides, the lowest mean cost first.
        pairs: Pairs of sides that are compared.
    """

    task: str
    seeds: SeedSet
    look: LedgerRow | None
    sides: tuple[Side, ...]
    pairs: tuple[tuple[Side, Side], ...]


@dataclass(frozen=True)
class Bench:
    """The place that measurements are noted in.

    Attributes:
        ledger: The ledger of looks.
        file: Rows of episodes.
        tell: Takes a sentence on the progress.
        release: Version of the system, which test seeds are derived from.
    """

    ledger: Ledger
    file: EpisodeFile
    tell: Callable[[str], None]
    release: str = __version__

    def measure(
        self,
        sides: Mapping[str, Bound],
        seeds: str,
        count: int | None = None,
        base: str = "",
        first: int | None = None,
    ) -> Measurement:
        """Play every side on the same seeds, seed by seed.

        Args:
            sides: Variants of one task by name.
            seeds: `test`, `tuning`, or a range.
            count: How many test seeds; None for the rule's own number.
            base: Name of the side that every other is compared with; empty compares each pair.
            first: Play only so many of the seeds, from the first on; the look is noted with all of them.

        Raises:
            UsageError: The text names no seeds.
            StoreError: Ledger or rows cannot be written.
            ControlError: A side cannot be planned for.
        """
        digests = {name: settings_digest(task) for name, task in sides.items()}
        task = next(iter(sides.values()))
        look = None
        if seeds == "test":
            look = self._look(task, digests, count)
            chosen = sealed_seeds(task.name, self.release, look.look, count or look.seeds)
        else:
            chosen = named_seeds(seeds)
        rows: dict[str, list[Episode]] = {name: [] for name in sides}
        # Seed by seed: what the machine does besides meets all sides alike, and a break leaves pairs.
        values = chosen.values[:first]
        for number, seed in enumerate(values, 1):
            for name, variant in sides.items():
                rows[name].append(self.file.play(variant, digests[name], seed))
            if number % _TOLD == 0 or number == len(values):
                self.tell(f"{task.name}: {number} of {len(values)} seeds")
        made = {name: Side(name, digests[name], tuple(rows[name])) for name in sides}
        ordered = tuple(ranking(list(made.values())))
        pairs = (
            tuple((side, made[base]) for side in ordered if side.name != base)
            if base
            else tuple(combinations(ordered, 2))
        )
        return Measurement(task.name, chosen, look, ordered, pairs)

    def _look(self, task: Bound, digests: Mapping[str, str], count: int | None) -> LedgerRow:
        """Return the look of these settings; a task that was never looked at says by one episode how long it takes."""
        if count is None:
            before = self.ledger.looks(task.name, self.release)
            if before:
                count = before[-1].seeds
            else:
                first = self.file.play(task, settings_digest(task), DEVELOPMENT.start)
                count = sealed_count(first.cpu)
        keys = [f"{digest}-{planner_digest()}" for digest in digests.values()]
        return self.ledger.look(task.name, self.release, keys, count)


def compare_all(measured: list[Measurement]) -> dict[str, list[PairedCosts]]:
    """Return the comparisons of all measurements by task; Holm's adjustment takes them for one family."""
    found = iter(compare([pair for item in measured for pair in item.pairs]))
    return {item.task: [next(found) for _ in item.pairs] for item in measured}
