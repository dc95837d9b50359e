"""Comparisons of a study: each with its difference, interval, p-value and verdict.

With factors F and seeds b as blocks, y[c, b] is the metric of combination c. Levels A and B of a factor are compared by
d_b, the average over the other factors of y[A, ., b] - y[B, ., b], over common seeds. Every figure is of
`taskloom.statistics`; this module only chooses which.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Literal

from taskloom.errors import UnknownNameError, UsageError
from taskloom.registry.suggest import did_you_mean
from taskloom.statistics.bootstrap import LEAST_BOOTSTRAP, bootstrap_interval
from taskloom.statistics.differences import (
    level_difference,
    seed_differences,
)
from taskloom.statistics.intervals import Interval
from taskloom.statistics.sequential import (
    anytime_interval,
    log_bayes_factor,
)
from taskloom.statistics.significance import (
    PValue,
    adjust,
    family_level,
    sign_flip_test,
    sign_test,
)
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import Level, StudyValues, label, same_level

Outcome = Literal["higher", "lower", "undecided", "identical", "constant", "none"]


@dataclass(frozen=True, slots=True)
class LevelComparison:
    """Two levels of one factor, the first less the second.

    Attributes:
        factor: The factor.
        first: One level.
        second: The level that is taken away from it.
        interval: Difference with its interval.
        family: The same at the level at which all comparisons of the study cover together.
        first_mean: Mean of the first over the seeds that were used; None where there are none.
        second_mean: Mean of the second.
        differences: d_b by seed; empty where no seed is common.
        test: Name of the test; or empty.
        p: Its p-value; None where it is undefined.
        adjusted_p: The p-value corrected for all comparisons of the study.
        outcome: What the numbers say of the first.
        words: The outcome as a sentence's core: "big is higher than gain".
    """

    factor: str
    first: Level
    second: Level
    interval: Interval
    family: Interval
    first_mean: float | None = None
    second_mean: float | None = None
    differences: Mapping[Hashable, float] | None = None
    test: str = ""
    p: float | None = None
    adjusted_p: float | None = None
    outcome: Outcome = "none"
    words: str = ""

    @property
    def name(self) -> str:
        """The difference in words: `big - gain`."""
        return f"{label(self.first)} - {label(self.second)}"


def check_factors(values: StudyValues, question: StudyQuestion) -> tuple[str, ...]:
    """Return the factors to compare: those asked for, or the only one that varies.

    Raises:
        UnknownNameError: There is no such factor, or no such baseline.
        UsageError: A factor has one level only.
    """
    varying = [name for name in values.factors if len(values.levels_of(name)) > 1]
    for name in question.compare:
        if name not in values.factors:
            raise UnknownNameError(
                f"--compare: the study has no factor '{name}'; it has {', '.join(values.factors) or 'none'}.",
                hint=did_you_mean(name, values.factors),
            )
        if name not in varying:
            raise UsageError(f"--compare: '{name}' has one level, so there is nothing to compare.")
    compared = question.compare or tuple(varying if len(varying) == 1 else ())
    if question.baseline and not compared:
        raise UsageError("--baseline needs --compare: the factor that it is a level of.")
    if question.baseline:
        levels = values.levels_of(compared[0])
        if not any(same_level(level, question.baseline) for level in levels):
            shown = [label(level) for level in levels]
            raise UnknownNameError(
                f"--baseline: '{compared[0]}' has no level '{question.baseline}'; it has {', '.join(shown)}.",
                hint=did_you_mean(question.baseline, shown),
            )
    return compared


def pairs_of(values: StudyValues, question: StudyQuestion) -> list[tuple[str, Level, Level]]:
    """Return the comparisons of a study: factor, first and second level."""
    found: list[tuple[str, Level, Level]] = []
    for factor in check_factors(values, question):
        levels = values.levels_of(factor)
        if question.baseline:
            base = next(level for level in levels if same_level(level, question.baseline))
            found += [(factor, level, base) for level in levels if level is not base]
        else:
            found += [(factor, a, b) for a, b in combinations(levels, 2)]
    return found


def compare_levels(
    values: StudyValues, question: StudyQuestion, *, is_looked_at: bool = False
) -> tuple[LevelComparison, ...]:
    """Return every comparison, with p-values corrected for all of them.

    Args:
        values: The values.
        question: What is asked.
        is_looked_at: Whether the study stopped by looking, so that only anytime-valid figures hold.

    Raises:
        UnknownNameError: A factor or the baseline does not exist.
        UsageError: A factor has one level, or the bootstrap has too few seeds.
    """
    pairs = pairs_of(values, question)
    found = [_compared(values, question, pair, len(pairs), is_looked_at) for pair in pairs]
    known = [item.p for item in found if item.p is not None]
    # Looks share 1 - level by Bonferroni, so their p-values do too.
    method = "bonferroni" if is_looked_at else question.correct
    adjusted = iter(adjust(known, method))
    told = [item if item.p is None else replace(item, adjusted_p=next(adjusted)) for item in found]
    return tuple(_judged(item, question, is_looked_at) for item in told)


def _compared(
    values: StudyValues,
    question: StudyQuestion,
    pair: tuple[str, Level, Level],
    comparisons: int,
    is_looked_at: bool,
) -> LevelComparison:
    factor, first, second = pair
    sides = values.at(factor, first), values.at(factor, second)
    wide = family_level(question.level, comparisons)
    try:
        plain = level_difference(*sides, level=question.level)
    except ValueError as error:
        empty = Interval(
            math.nan, None, None, question.level, 0, "none", no_interval=_clause(str(error))
        )
        return LevelComparison(factor, first, second, empty, replace(empty, level=wide))
    differences = seed_differences(*sides)
    sample, notes = list(differences.values()), plain.interval.notes
    if is_looked_at:
        ends = [looked_at(sample, level, question.g, notes) for level in (question.level, wide)]
        test = PValue(
            min(1.0, math.exp(-log_bayes_factor(sample, g=question.g))) if sample else None,
            "anytime-valid t",
            len(sample),
            question.level,
        )
    else:
        at_family = (plain if comparisons == 1 else level_difference(*sides, level=wide)).interval
        ends = [plain.interval, at_family]
        if question.interval == "bootstrap":
            ends = [_resampled(sample, item) for item in ends]
        test = _tested(sample, question, plain.p)
    ends = [replace(end, notes=end.notes + test.notes) for end in ends]
    return LevelComparison(
        factor,
        first,
        second,
        ends[0],
        ends[1],
        plain.first,
        plain.second,
        differences,
        test.method,
        test.p,
    )


def looked_at(sample: Sequence[float], level: float, g: float, notes: tuple[str, ...]) -> Interval:
    """Return the anytime-valid interval of differences with their notes; none where no seed is common."""
    if not sample:
        reason = "no common seeds: nothing can be decided by looking"
        return Interval(math.nan, None, None, level, 0, "anytime-valid t", no_interval=reason)
    return replace(anytime_interval(sample, level=level, g=g), notes=notes)


def _resampled(sample: Sequence[float], plain: Interval) -> Interval:
    if len(sample) < LEAST_BOOTSTRAP:
        raise UsageError(
            f"--interval=bootstrap needs {LEAST_BOOTSTRAP} common seeds, and there are {len(sample)}.",
            hint="--interval=t covers from 2 seeds on",
        )
    # A generator of its own, so that the same data give the same interval.
    return replace(bootstrap_interval(sample, Random(0), level=plain.level), notes=plain.notes)


def _tested(sample: Sequence[float], question: StudyQuestion, p: float | None) -> PValue:
    if not sample:
        return PValue(p, "Welch's t", 0, question.level)
    if question.test == "t":
        return PValue(p, "t", len(sample), question.level)
    test = sign_flip_test if question.test == "sign-flip" else sign_test
    return test(sample, level=question.level)


def _judged(item: LevelComparison, question: StudyQuestion, is_looked_at: bool) -> LevelComparison:
    """Return a comparison with what its numbers say, in one word and in words."""
    first, second = label(item.first), label(item.second)
    interval = item.interval
    if not interval.n:
        return replace(item, words=interval.no_interval)
    sample = list((item.differences or {}).values())
    if len(sample) > 1 and min(sample) == max(sample) == 0:
        return replace(item, outcome="identical", words=f"{first} equals {second} in every seed")
    if len(sample) > 1 and min(sample) == max(sample):
        words = f"{first} - {second} is the same in every seed: nothing to test"
        return replace(item, outcome="constant", words=words)
    if is_looked_at:
        is_clear = item.family.low is not None and not item.family.contains(0.0)
    else:
        is_clear = item.adjusted_p is not None and item.adjusted_p <= 1 - question.level + 1e-12
    if not is_clear:
        reason = "" if interval.low is not None else f": {interval.no_interval}"
        words = f"{first} and {second} are not shown to differ{reason}"
        return replace(item, outcome="undecided", words=words)
    side: Outcome = "higher" if interval.estimate > 0 else "lower"
    better = "" if not question.better else " (better)" if side == question.better else " (worse)"
    return replace(item, outcome=side, words=f"{first} is {side} than {second}{better}")


def _clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
