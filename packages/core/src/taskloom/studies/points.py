"""Points of sweeps as rows of a study: which parameters are factors, and what each run came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from taskloom.runs.compare import spelled
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import ABSENT, Level, Levels, StudyRow, StudyValues, measured
from taskloom.sweeps.points import PointResult
from taskloom.sweeps.record import SweepPoint

_SEED = "seed"
_DEFAULTS = ("", "default")


def values_of_results(
    results: Sequence[PointResult], question: StudyQuestion, factors: Sequence[str] | None = None
) -> StudyValues:
    """Return the values of a sweep that was run.

    Args:
        results: What came of each point.
        question: What is asked.
        factors: Parameters that are factors; without them those that vary.

    Raises:
        UnknownNameError: A run has no such metric.
        UsageError: Two points have the same levels and seed.
    """
    chosen = tuple(factors or factors_of([result.point for result in results]))
    rows = []
    for result in results:
        levels, seed = place_of(result.point, chosen)
        rows.append(row_of_result(levels, seed, result, question))
    return StudyValues(chosen, tuple(sorted(rows, key=lambda row: int(row.seed))))


def factors_of(points: Sequence[SweepPoint]) -> tuple[str, ...]:
    """Return the parameters that vary between points and that were set by hand; all that vary where nothing was set.

    Those that only follow from the choice of the component that they belong to are left out.
    """
    configs = [spelled(point.config) for point in points]
    seen: dict[str, set[str]] = {}
    for config in configs:
        for path, value in config.items():
            seen.setdefault(path, set()).add(json.dumps(value))
    varying = [path for path, values in seen.items() if len(values) > 1 and path != _SEED]
    said = {
        path.removesuffix(".kind")
        for point in points
        for path, source in point.sources.items()
        if source not in _DEFAULTS
    }
    asked = [path for path in varying if path in said] or varying
    return tuple(path for path in asked if not _follows(path, asked, configs))


def place_of(point: SweepPoint, factors: Sequence[str]) -> tuple[Levels, int]:
    """Return the levels and the seed of a point."""
    config = spelled(point.config)
    seed = config.get(_SEED)
    levels = tuple(_level(config[name]) if name in config else ABSENT for name in factors)
    return levels, seed if isinstance(seed, int) else 0


def row_of_result(
    levels: Levels, seed: int, result: PointResult, question: StudyQuestion
) -> StudyRow:
    """Return the row of a point: its value, or why it has none.

    Raises:
        UnknownNameError: Its run has no such metric.
    """
    run = result.run
    if run is None:
        claimed = f"computed by {result.claimed}" if result.claimed else "it has no run yet"
        return StudyRow(levels, seed, None, result.refused or claimed)
    if run.status != "finished":
        failure = run.record.failure
        reason = f"{failure.type}: {failure.message}" if failure else f"the run is {run.status}"
        return StudyRow(levels, seed, None, reason, run=run.id)
    return measured(levels, seed, run.metrics, spelled(run.config), question=question, run=run.id)


def _follows(path: str, factors: Sequence[str], configs: Sequence[Mapping[str, object]]) -> bool:
    """Return whether a parameter only follows from the choice of the component that it belongs to."""
    places = [place for place in factors if path.startswith(f"{place}.")]
    for place in places:
        by_choice: dict[str, set[str]] = {}
        for config in configs:
            if path in config:
                choice = json.dumps(config.get(place))
                by_choice.setdefault(choice, set()).add(json.dumps(config[path]))
        if all(len(values) == 1 for values in by_choice.values()):
            return True
    return False


def _level(value: object) -> Level:
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)
