"""Looks of a study that stops when its rule is met: after each complete seed, with figures that stay valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taskloom.errors import UsageError
from taskloom.statistics.differences import seed_differences
from taskloom.statistics.sequential import look_at
from taskloom.studies.analysis import pairs_of
from taskloom.studies.asked import require_metric
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import StudyValues


@dataclass(frozen=True, slots=True)
class StudyLook:
    """One look at a study.

    Attributes:
        seeds: Seeds that had been run.
        decided: Whether the rule was met for every comparison.
        intervals: The anytime-valid interval of each comparison; None where there is none yet.
    """

    seeds: int
    decided: bool
    intervals: tuple[tuple[float, float] | None, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        ends = [None if item is None else list(item) for item in self.intervals]
        return {"seeds": self.seeds, "decided": self.decided, "intervals": ends}


def look(values: StudyValues, question: StudyQuestion) -> StudyLook:
    """Look at the comparisons of a study once.

    Args:
        values: Its values, of complete blocks of seeds.
        question: What is asked; it holds the rule.
    """
    require_metric(values, question)
    pairs = pairs_of(values, question)
    decided: list[bool] = []
    intervals: list[tuple[float, float] | None] = []
    for factor, first, second in pairs:
        sides = values.at(factor, first), values.at(factor, second)
        sample = list(seed_differences(*sides).values())
        if not sample:
            decided.append(False)
            intervals.append(None)
            continue
        found = look_at(
            sample,
            half_width=question.half_width,
            comparisons=len(pairs),
            level=question.level,
            g=question.g,
        )
        low, high = found.interval.low, found.interval.high
        decided.append(found.decided)
        intervals.append(None if low is None or high is None else (low, high))
    return StudyLook(len(values.seeds), bool(pairs) and all(decided), tuple(intervals))


def check_seeds(asked: Iterable[object]) -> list[int]:
    """Return the seeds of a study, or refuse none at all, those that are named twice, and what is no whole number.

    Raises:
        UsageError: So they are.
    """
    if not isinstance(asked, Iterable):
        hint = f"seeds=range({asked})" if isinstance(asked, int) else ""
        raise UsageError(f"The seeds are {asked!r}; they are a list: range(10).", hint=hint)
    seeds: list[int] = []
    for seed in asked:
        whole = None if isinstance(seed, bool | str) else getattr(seed, "__index__", None)
        if whole is None:
            raise UsageError(f"A seed is {seed!r}; seeds are whole numbers: range(10).")
        seeds.append(whole())
    if not seeds:
        raise UsageError("A study needs at least one seed.")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if list(seeds).count(seed) > 1)
        raise UsageError(f"The seed {twice} is named twice: each run of a study has its own.")
    return seeds


def blocks(seeds: Sequence[int], question: StudyQuestion, comparisons: int) -> Iterator[list[int]]:
    """Yield the seeds of a study that looks, block after block: those before the first possible look, then one at a time.

    The seeds that were named come first, then the next whole numbers, up to `max_seeds`.

    Args:
        seeds: The seeds that were named.
        question: What is asked.
        comparisons: Number of comparisons, which share the level.
    """
    more = max(seeds) + 1
    every = [*seeds, *range(more, more + question.max_seeds)][: question.max_seeds]
    first = question.first_look(comparisons)
    yield every[:first]
    for seed in every[first:]:
        yield [seed]


def better_of(headlines: Sequence[Mapping[str, object] | None], metric: str) -> str:
    """Return the direction that is better by the headlines of runs, if they are about the metric and agree."""
    found = {
        str(item.get("better"))
        for item in headlines
        if item is not None and item.get("metric") == metric
    }
    return found.pop() if len(found) == 1 else ""
