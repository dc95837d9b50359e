"""Variants: runs that are equal but for the seed, as one figure with one interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from taskloom.headline import Better, Headline
from taskloom.report.naming import names_of, variants_of
from taskloom.runs.run import Run
from taskloom.statistics.intervals import Interval, mean, mean_interval

ENOUGH_SEEDS = 3
"""Seeds from which on there is an interval over them: that of two has one degree of freedom and says nothing."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Runs that are equal but for the seed.

    Attributes:
        name: What is different about them: "assistant=big".
        runs: The runs.
        values: Values of the metric by the seed, in the order of the runs; runs without one are left out.
        interval: Mean over seeds with its interval, or the one run's own.
        is_within: True where the interval is the one within a single run, which covers less than one over seeds.
    """

    name: str
    runs: tuple[Run, ...]
    values: dict[str, float]
    interval: Interval
    is_within: bool

    @property
    def has_seeds(self) -> bool:
        """True if there are seeds enough for an interval over them."""
        return len(self.values) >= ENOUGH_SEEDS


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that runs are compared by.

    Attributes:
        name: Key of the metric.
        title: Its name in words.
        unit: Its unit in words.
        better: Direction that is better; None where no run says so.
    """

    name: str
    title: str
    unit: str = ""
    better: Better | None = None


def metric_of(runs: Sequence[Run], name: str = "") -> Metric | None:
    """Return the metric that most runs have as their headline, else the first that all have; None if there is none.

    Args:
        runs: The runs.
        name: A metric that is asked for.
    """
    told = [run.headline for run in runs]
    named = Counter(item.metric for item in told if item is not None)
    chosen = name or (named.most_common(1)[0][0] if named else "")
    item = next((item for item in told if item is not None and item.metric == chosen), None)
    if item is not None:
        return Metric(chosen, item.title, item.unit, item.better)
    common = chosen or next(
        (m for m in runs[0].metrics if all(m in run.metrics for run in runs)), ""
    )
    return Metric(common, common) if common else None


def variants(runs: Sequence[Run], metric: str) -> list[Variant]:
    """Return the variants of runs, in the order of their first runs, named by what differs.

    Args:
        runs: The runs.
        metric: The metric of their figures.
    """
    labels = names_of(runs)
    groups = variants_of(runs)
    names = [labels[group[0]] for group in groups]
    if len(groups) > 1:
        short = [name.rpartition(", seed ")[0] or name for name in names]
        names = short if len(set(short)) == len(short) else names
    elif len(groups[0]) > 1:
        names = ["all"]
    return [
        _variant(name, [runs[number] for number in group], metric)
        for name, group in zip(names, groups, strict=True)
    ]


def seed_of(run: Run) -> str:
    """Return the seed of a run as text; its id where it has none."""
    return str(run.config["seed"]) if "seed" in run.config else run.id


def _variant(name: str, runs: Sequence[Run], metric: str) -> Variant:
    values: dict[str, float] = {}
    for run in runs:
        value = run.metrics.get(metric)
        if value is not None and math.isfinite(value):
            values.setdefault(seed_of(run), value)
    own = _own(runs[0].headline, metric) if len(runs) == 1 else None
    if len(values) == 1 and own is not None:
        return Variant(name, tuple(runs), values, own, True)
    return Variant(name, tuple(runs), values, _over_seeds([*values.values()]), False)


def _over_seeds(values: Sequence[float]) -> Interval:
    n = len(values)
    if n >= ENOUGH_SEEDS:
        return mean_interval(values)
    reason = {0: "no run has a value", 1: "one run", 2: "two seeds"}[n]
    return Interval(
        mean(values) if n else math.nan, None, None, 0.95, n, "none", no_interval=reason
    )


def _own(headline: Headline | None, metric: str) -> Interval | None:
    if headline is None or headline.metric != metric:
        return None
    return Interval(
        headline.value,
        headline.low,
        headline.high,
        headline.level,
        1,
        "within one run",
        no_interval=headline.no_interval,
    )
