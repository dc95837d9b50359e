"""Values of a study: one number for each combination of levels and each seed, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from taskloom.errors import UnknownNameError, UsageError
from taskloom.params.values import write
from taskloom.registry.suggest import did_you_mean
from taskloom.studies.question import StudyQuestion

Level: TypeAlias = "str | int | float | bool | None"
Levels: TypeAlias = tuple[Level, ...]
Seed: TypeAlias = "int | str"

NOT_FINITE = "the metric is"
"""Beginning of the reason of a run whose metric is no finite number."""
ABSENT = ""
"""Level of a factor that a combination does not have: a parameter of a component that it does not choose."""


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One run of a study.

    Attributes:
        levels: Level of each factor, in the order of the factors.
        seed: The seed, which pairs it with the runs of other levels.
        value: The metric; None where there is none.
        reason: Why there is none; or empty.
        trials: Number of trials that the value is a share of; 0 for a plain number.
        run: Id of the run; or empty.
        known: The metrics of a run that lacks the one that is asked for; None of any other.
    """

    levels: Levels
    seed: Seed
    value: float | None
    reason: str = ""
    trials: int = 0
    run: str = ""
    known: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StudyValues:
    """Values by combination and seed.

    Attributes:
        factors: Names of the factors.
        rows: Every run, those without a value too.
        cells: For each combination, in the order of the runs, the value of each seed that has one.
        planned: For each combination, the number of its runs.
        trials: For each combination whose values are shares, k and n summed over its runs.
    """

    factors: tuple[str, ...]
    rows: tuple[StudyRow, ...]
    cells: Mapping[Levels, Mapping[Seed, float]] = field(init=False)
    planned: Mapping[Levels, int] = field(init=False)
    trials: Mapping[Levels, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the rows into cells.

        Raises:
            UsageError: There is no row, or two have the same combination and seed.
        """
        if not self.rows:
            raise UsageError("A study needs at least one run.")
        cells: dict[Levels, dict[Seed, float]] = {}
        planned: dict[Levels, int] = {}
        trials: dict[Levels, tuple[int, int]] = {}
        seen: set[tuple[Levels, Seed]] = set()
        for row in self.rows:
            if (key := (row.levels, row.seed)) in seen:
                raise UsageError(
                    f"Two rows are of {self.name(row.levels)} with seed {row.seed}: a study takes one of each."
                )
            seen.add(key)
            cell = cells.setdefault(row.levels, {})
            planned[row.levels] = planned.get(row.levels, 0) + 1
            if row.value is not None:
                cell[row.seed] = row.value
                if row.trials:
                    k, n = trials.get(row.levels, (0, 0))
                    trials[row.levels] = (k + round(row.value * row.trials), n + row.trials)
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "planned", planned)
        object.__setattr__(self, "trials", trials)

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """The seeds, in the order of the runs."""
        return tuple(dict.fromkeys(row.seed for row in self.rows))

    @property
    def missing(self) -> tuple[StudyRow, ...]:
        """The runs without a value."""
        return tuple(row for row in self.rows if row.value is None)

    def levels_of(self, factor: str) -> list[Level]:
        """Return the levels of a factor, in the order of the runs; combinations that lack it have none."""
        index = self.factors.index(factor)
        return [
            level for level in dict.fromkeys(key[index] for key in self.cells) if level != ABSENT
        ]

    def at(self, factor: str, level: Level) -> dict[Levels, Mapping[Seed, float]]:
        """Return the cells of one level, by the levels of the other factors."""
        index = self.factors.index(factor)
        return {
            key[:index] + key[index + 1 :]: cell
            for key, cell in self.cells.items()
            if key[index] == level and type(key[index]) is type(level)
        }

    def name(self, levels: Levels) -> str:
        """Return a combination in words: `assistant=big user.error_rate=0.05`."""
        words = [f"{f}={label(v)}" for f, v in zip(self.factors, levels, strict=True)]
        return " ".join(words) or "the runs"

    def until(self, seeds: int) -> StudyValues:
        """Return the values of the first seeds alone."""
        kept = set(self.seeds[:seeds])
        return StudyValues(self.factors, tuple(row for row in self.rows if row.seed in kept))


def label(level: Level) -> str:
    """Return a level as it is written on the command line; a dash for one that is absent."""
    return "-" if level == ABSENT and isinstance(level, str) else write(level)


def same_level(level: Level, text: object) -> bool:
    """Return whether a level is the one that a text or a value names."""
    return level == text or label(level) == str(text) or label(level) == label_of(text)


def label_of(value: object) -> str:
    """Return any value as the label that it would have as a level."""
    return label(value) if isinstance(value, str | int | float | bool | None) else str(value)


def measured(
    levels: Levels,
    seed: Seed,
    metrics: Mapping[str, object],
    config: Mapping[str, object],
    *,
    question: StudyQuestion,
    run: str = "",
) -> StudyRow:
    """Return the row of a run that is over.

    Args:
        levels: Its levels.
        seed: Its seed.
        metrics: Its final metrics.
        config: Its parameters by path, for a number of trials that is one of them.
        question: What is asked.
        run: Its id.

    Raises:
        UnknownNameError: There is no such number of trials.
        UsageError: The metric is no number, or no share or count of the trials.
    """
    if question.metric not in metrics:
        reason = f"it has no metric '{question.metric}'"
        return StudyRow(levels, seed, None, reason, run=run, known=tuple(map(str, metrics)))
    value = _number(question.metric, metrics[question.metric])
    if not math.isfinite(value):
        return StudyRow(levels, seed, None, f"{NOT_FINITE} {value}", run=run)
    if not question.trials:
        return StudyRow(levels, seed, value, run=run)
    trials = _trials(question, metrics, config)
    count = value if question.count_of else value * trials
    if not 0 <= count <= trials or abs(count - round(count)) > 1e-6 * max(1, trials):
        form = "a count" if question.count_of else "a share"
        raise UsageError(
            f"{question.metric} is {value:g}, which is no {form[2:]} of {trials} trials ({question.trials})."
        )
    return StudyRow(levels, seed, round(count) / trials, trials=trials, run=run)


def _number(name: str, value: object) -> float:
    if value is None:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # anything but a number raises
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {value!r}, which is no number.") from None


def _trials(
    question: StudyQuestion, metrics: Mapping[str, object], config: Mapping[str, object]
) -> int:
    name = question.trials
    raw = name if name.isdecimal() else metrics.get(name, config.get(name))
    if raw is None:
        option = "--count-of" if question.count_of else "--share-of"
        raise UnknownNameError(
            f"{option}: there is no metric or parameter '{name}'.",
            hint=did_you_mean(name, [*metrics, *config]),
        )
    trials = _number(name, raw)
    if not trials >= 1 or trials != int(trials):
        raise UsageError(f"{name} is {raw}; a number of trials is a whole number above 0.")
    return int(trials)


def rows_of_table(
    table: Iterable[Mapping[str, object]],
    question: StudyQuestion,
    factors: Sequence[str] | None,
    seed: str,
) -> StudyValues:
    """Return the values of a table with one row a run.

    Args:
        table: Rows by column; `config.` and `metrics.` before a name are taken off.
        question: What is asked.
        factors: Columns that are factors; without them every column that varies and is neither seed nor metric.
        seed: Column of the seed.

    Raises:
        UnknownNameError: A column does not exist.
        UsageError: The table is empty, or two rows are of the same combination and seed.
    """
    listed = list(table)
    # A parameter and a metric may share a name, which the frame of a sweep tells apart.
    configs = [_side(row, "config.", "metrics.") for row in listed]
    results = [_side(row, "metrics.", "config.") for row in listed]
    columns = list(dict.fromkeys(name for row in configs for name in row))
    numbers = list(dict.fromkeys(name for row in results for name in row))
    for name, known in (
        (seed, columns),
        (question.metric, numbers),
        *((f, columns) for f in factors or ()),
    ):
        if listed and name not in known:
            raise UnknownNameError(
                f"The table has no column '{name}'; it has {', '.join(known)}.",
                hint=did_you_mean(name, known),
            )
    beside = {seed, question.metric, question.trials, *_BESIDE}
    told = {
        str(name).removeprefix("config.")
        for row in listed
        for name in row
        if str(name).startswith("config.")
    }
    free = [name for name in columns if name in told - {seed} or name not in beside]
    chosen = tuple(factors or _varying(configs, free))
    found = []
    for config, result in zip(configs, results, strict=True):
        levels = tuple(_level(config.get(name, ABSENT)) for name in chosen)
        where = config[seed]
        at = where if isinstance(where, int | str) else _seed(where)
        run = str(config.get("run", config.get("id", "")))
        found.append(measured(levels, at, result, config, question=question, run=run))
    return StudyValues(chosen, tuple(found))


_BESIDE = ("run", "id", "task", "status", "reused", "stale", "sweep", "summary")
"""Columns of `Sweep.metrics` and of `frame()` that are no factors."""


def _side(row: Mapping[str, object], own: str, other: str) -> dict[str, object]:
    """Return the columns of one side of a frame without its prefix, and those that have none."""
    found = {str(name): value for name, value in row.items()}
    return {
        name.removeprefix(own): value for name, value in found.items() if not name.startswith(other)
    }


def _varying(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> list[str]:
    return [name for name in names if len({label_of(row.get(name)) for row in rows}) > 1]


def _level(value: object) -> Level:
    to_python = getattr(value, "item", None)
    plain = to_python() if callable(to_python) else value
    return plain if isinstance(plain, str | int | float | bool | None) else str(plain)


def _seed(value: object) -> Seed:
    found = _level(value)
    return int(found) if isinstance(found, float) and found == int(found) else label(found)
