"""Runs side by side: what came out, and what was different about them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

import htpy as h

from taskloom.errors import RunCorruptError
from taskloom.headline import Headline
from taskloom.report import figures
from taskloom.report.blocks import note, render_blocks, table
from taskloom.report.history import comparison_charts
from taskloom.report.intervals import interval_strip
from taskloom.report.naming import chosen_values, names_of, variants_of
from taskloom.report.sample import thin_rows
from taskloom.runs.run import Run
from taskloom.statistics.intervals import Interval, mean_interval
from taskloom.wording import format_bound, format_value


def head(runs: Sequence[Run]) -> h.Element:
    """Return the page's header."""
    tasks = sorted({f"{run.domain} {run.task}" for run in runs})
    return h.header[
        h.p(".kicker")["taskloom \u00b7 comparison"],
        h.h1[f"{len(runs)} runs compared"],
        h.p(".lede")["Of " + ", ".join(tasks) + "."],
    ]


def parts(runs: Sequence[Run]) -> list[tuple[str, h.Node]]:
    """Return the page's sections."""
    labels = names_of(runs)
    return [
        ("What differs", _difference(runs, labels)),
        ("Headline", _headlines(runs, labels)),
        ("Over seeds", _variants(runs, labels)),
        ("Runs", _overview(runs, labels)),
        ("Results", _results(runs, labels)),
        ("Metrics over time", _histories(runs, labels)),
    ]


def _headlines(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    """Return the figures with their intervals, baselines and verdicts, of the metric that most runs name."""
    found = [(label, run.headline) for label, run in zip(labels, runs, strict=True)]
    named = [item.metric for _, item in found if item is not None]
    if not named:
        return None
    metric = max(named, key=named.count)
    shown = [(label, item) for label, item in found if item is not None and item.metric == metric]
    rows = [(label, *_figure_cells(item)) for label, item in shown]
    drawn = [
        (
            label,
            Interval(
                item.value, item.low, item.high, item.level, 1, "", no_interval=item.no_interval
            ),
        )
        for label, item in shown
        if math.isfinite(item.value)
    ]
    first = shown[0][1]
    rest = len(runs) - len(shown)
    return [
        h.p[f"{first.title}; {first.better} is better. Intervals are those within one run."],
        interval_strip(drawn, first.unit or first.metric) if len(drawn) > 1 else None,
        table(("", "value", "interval", "baseline", "its value", "verdict"), rows, row_heads=True),
        rest > 0 and note(f"{rest} of {len(runs)} runs have no headline of the metric {metric}."),
    ]


def _figure_cells(item: Headline) -> tuple[str, ...]:
    half = None if item.low is None or item.high is None else (item.high - item.low) / 2
    ends = f"none: {item.no_interval}"
    if item.low is not None and item.high is not None:
        ends = f"{format_bound(item.low, half)} to {format_bound(item.high, half)}"
    plain = item.baseline
    beside = ("none", item.no_baseline) if plain is None else (plain.name, format_value(plain.value, half))  # fmt: skip
    return (format_value(item.value, half), ends, *beside, item.band)


def _variants(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    """Return the mean over seeds of each group of runs that are equal but for the seed; nothing if no group has two."""
    groups = variants_of(runs)
    if all(len(group) == 1 for group in groups):
        return None
    metric = next((run.headline.metric for run in runs if run.headline is not None), "")
    rows = []
    for group in groups:
        values = [runs[i].metrics[metric] for i in group if metric in runs[i].metrics]
        if not values:
            continue
        name = labels[group[0]].rpartition(", seed ")[0] or labels[group[0]]
        over = mean_interval(values)
        # Two seeds show both values: an interval of one degree of freedom says nothing.
        ends = ", ".join(f"{value:.4g}" for value in values) if len(values) < 3 else f"{over.low:.4g} to {over.high:.4g}"  # fmt: skip
        rows.append((name if len(groups) > 1 else "all", len(values), over.estimate, ends))
    said = "t intervals over seeds; fewer than three seeds show their values"
    return table(("", "seeds", metric, "95 % interval"), rows, f"{said}.", row_heads=True) if rows else None  # fmt: skip


def _overview(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    rows = [
        (
            label,
            run.id,
            f"{run.domain} {run.task}",
            run.status,
            figures.duration(run.record.duration),
            run.summary if run.headline is None else run.headline.sentence,
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    heads = ("", "run", "task", "status", "duration", "summary")
    return h.div(".overview")[table(heads, rows, row_heads=True)]


def _difference(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    rows = list(chosen_values(runs).items())
    if not rows:
        return h.p["Nothing: the configs are the same."]
    body = (
        h.tr[h.th(".path", scope="row")[path], (h.td(".value")[value] for value in values)]
        for path, values in rows
    )
    heads = [h.th(scope="col")["parameter"], (h.th(scope="col")[label] for label in labels)]
    return h.div(".scroll", tabindex="0", role="region", aria_label="Config difference")[
        h.table[h.thead[h.tr[heads]], h.tbody[body]]
    ]


def _results(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if not names:
        return None
    rows = [(name, *(run.metrics.get(name) for run in runs)) for name in names]
    return table(("metric", *labels), rows, row_heads=True)


def _histories(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    histories = {}
    for label, run in zip(labels, runs, strict=True):
        with contextlib.suppress(RunCorruptError):  # the charts show those that can be read
            histories[label] = thin_rows(run.rows())
    drawn = comparison_charts(histories)
    return render_blocks(drawn, runs[0].dir) if drawn else None
