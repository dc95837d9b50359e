"""Curves of variants: the mean over their seeds with its band, of metrics that were logged more than once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import htpy as h

from taskloom.comparison.variants import ENOUGH_SEEDS, Variant
from taskloom.errors import RunCorruptError
from taskloom.report import charts
from taskloom.report.blocks import render_blocks
from taskloom.report.domain_blocks import MOST_COMPARED
from taskloom.report.history import Rows, comparison_charts, metric_names
from taskloom.report.model import Chart
from taskloom.report.sample import thin_rows
from taskloom.statistics.intervals import mean_interval

_MOST_CHARTS = 8
_MOST_RUNS = 40
"""Runs whose metric lines are read for one page."""


def variant_curves(found: Sequence[Variant]) -> h.Node:
    """Return one chart a metric; nothing of more than eight variants, whose colours cannot be told apart.

    Args:
        found: The variants.
    """
    total = sum(len(item.runs) for item in found)
    if len(found) > MOST_COMPARED or total > _MOST_RUNS:
        return None
    read = {item.name: _read(item) for item in found}
    lone = all(len(rows) < 2 for rows in read.values())
    drawn = (
        comparison_charts({name: rows[0] for name, rows in read.items() if rows})
        if lone
        else _banded(read)
    )
    kept = [chart for chart in drawn if _has_course(chart)]
    return render_blocks(kept[:_MOST_CHARTS], found[0].runs[0].dir) if kept else None


def _read(item: Variant) -> list[Rows]:
    read: list[Rows] = []
    for run in item.runs:
        with contextlib.suppress(RunCorruptError):  # the charts show those that can be read
            read.append(thin_rows(run.rows()))
    return read


def _banded(read: dict[str, list[Rows]]) -> list[Chart]:
    names = dict.fromkeys(
        name for several in read.values() for rows in several for name in metric_names(rows)
    )
    found = []
    for metric in names:
        lines: list[dict[str, Any]] = []
        for variant, several in read.items():
            lines += _line(variant, metric, several)
        if lines:
            title = {"y": "mean", "color": "variant", "title": metric}
            told = f"Mean over seeds; bands are 95 % intervals over {ENOUGH_SEEDS} seeds or more."
            found.append(charts.band(lines, "step", "low", "high", caption=told, **title))
    return found


def _line(variant: str, metric: str, several: Sequence[Rows]) -> list[dict[str, Any]]:
    """Return mean and interval at the steps that every seed logged; longer histories are thinned to other steps."""
    values: dict[float, list[float]] = {}
    for rows in several:
        for row in rows:
            value = row.get(metric)
            if value is not None and math.isfinite(value) and "step" in row:
                values.setdefault(row["step"], []).append(value)
    found = []
    for step, each in sorted(values.items()):
        if len(each) < len(several):
            continue
        told = mean_interval(each) if len(each) >= ENOUGH_SEEDS else None
        middle = math.fsum(each) / len(each)
        low = middle if told is None or told.low is None else told.low
        high = middle if told is None or told.high is None else told.high
        found.append({"step": step, "mean": middle, "low": low, "high": high, "variant": variant})
    return found


def _has_course(chart: Chart) -> bool:
    """Return true if a chart has more than one place on its x axis."""
    return len({row.get("x") for row in chart.spec["data"]["values"]}) > 1
