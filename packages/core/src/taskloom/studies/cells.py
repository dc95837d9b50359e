"""Combinations of a study, each with its interval, and which of them are best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from taskloom.statistics.differences import (
    average_within_seed,
    paired_difference,
    seed_differences,
)
from taskloom.statistics.intervals import Interval, level_interval, mean, missing_note
from taskloom.statistics.sequential import anytime_share_interval
from taskloom.statistics.shares import share_interval
from taskloom.statistics.significance import family_level
from taskloom.studies.analysis import check_factors, looked_at
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import Level, Levels, StudyValues, label

BARE = "mean"
"""Method of a level that has no interval, since its study stopped by looking."""
Mark = Literal["", "best", "tied"]


@dataclass(frozen=True, slots=True)
class StudyCell:
    """One combination of levels, or one level averaged over the others.

    Attributes:
        levels: Level of each factor, by name.
        interval: Mean with its interval; of a share, the share.
        planned: Runs that there were to be.
        note: Words about missing runs; or empty.
        warning: Words about skewed values; or empty.
        geometric: Geometric mean, beside a warning and for positive values; or None.
        mark: `best`, or `tied` for one that is not shown to differ from the best; empty where nothing is marked.
    """

    levels: Mapping[str, Level]
    interval: Interval
    planned: int
    note: str = ""
    warning: str = ""
    geometric: Interval | None = None
    mark: Mark = ""

    @property
    def name(self) -> str:
        """The combination in words."""
        return " ".join(f"{name}={label(level)}" for name, level in self.levels.items()) or "all"


def summarise_cells(
    values: StudyValues, question: StudyQuestion, *, is_looked_at: bool = False
) -> tuple[StudyCell, ...]:
    """Return every combination with its interval, the best ones marked if a direction is better.

    Args:
        values: The values.
        question: What is asked.
        is_looked_at: Whether the study stopped by looking; then a plain level has no interval.
    """
    marks = _marks(values, question, is_looked_at=is_looked_at) if question.better else {}
    found = []
    for key, cell in values.cells.items():
        levels = dict(zip(values.factors, key, strict=True))
        made = _cell(levels, list(cell.values()), question, is_looked_at, values.trials.get(key))
        planned = values.planned[key]
        note = missing_note(len(cell), planned)
        found.append(replace(made, planned=planned, note=note, mark=marks.get(key, "")))
    return tuple(found)


def summarise_levels(
    values: StudyValues, question: StudyQuestion, *, is_looked_at: bool = False
) -> tuple[StudyCell, ...]:
    """Return every level of the compared factors, averaged over its combinations within each seed.

    Raises:
        UnknownNameError: A factor does not exist.
        UsageError: A factor has one level.
    """
    found = []
    for factor in check_factors(values, question):
        for level in values.levels_of(factor):
            average = average_within_seed(values.at(factor, level))
            sample = list(average.values.values())
            cell = _cell({factor: level}, sample, question, is_looked_at, None)
            planned = len(sample) + len(average.left_out)
            found.append(replace(cell, planned=planned, note=missing_note(len(sample), planned)))
    return tuple(found)


def _cell(
    levels: Mapping[str, Level],
    sample: Sequence[float],
    question: StudyQuestion,
    is_looked_at: bool,
    trials: tuple[int, int] | None,
) -> StudyCell:
    if not sample:
        empty = Interval(
            math.nan, None, None, question.level, 0, "none", no_interval="no run has a value"
        )
        return StudyCell(levels, empty, 0)
    if trials is not None and is_looked_at:
        return StudyCell(levels, anytime_share_interval(*trials, level=question.level), 0)
    if trials is not None:
        return StudyCell(
            levels, share_interval(*trials, "clopper-pearson", level=question.level), 0
        )
    if is_looked_at:
        # Looking breaks the interval of a level: one lognormal is wrong in 25.5 % of studies.
        reason = "the study stopped by looking: trust the differences"
        bare = Interval(
            mean(sample), None, None, question.level, len(sample), BARE, no_interval=reason
        )
        return StudyCell(levels, bare, 0)
    told = level_interval(sample, level=question.level)
    return StudyCell(levels, told.mean, 0, "", told.warning, told.geometric)


def _marks(
    values: StudyValues, question: StudyQuestion, *, is_looked_at: bool
) -> dict[Levels, Mark]:
    """Return the best combination, and those not told apart from it at the level of all pairs of combinations.

    The best one is chosen by the same data, so each of its differences has to hold at the level of every pair.
    """
    cells = {key: cell for key, cell in values.cells.items() if cell}
    if len(cells) < 2:
        return {}
    sign = 1 if question.better == "higher" else -1
    best = max(cells, key=lambda key: sign * mean(list(cells[key].values())))
    level = family_level(question.level, len(cells) * (len(cells) - 1) // 2)
    marks: dict[Levels, Mark] = {best: "best"}
    for key, cell in cells.items():
        if key == best:
            continue
        difference = paired_difference(cells[best], cell, level=level).interval
        if is_looked_at:
            sample = list(seed_differences({0: cells[best]}, {0: cell}).values())
            difference = looked_at(sample, level, question.g, ())
        if difference.contains(0.0):
            marks[key] = "tied"
    return marks
