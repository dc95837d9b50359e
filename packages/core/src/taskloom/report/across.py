"""Charts over many variants: marginal means, a metric over a parameter, parallel coordinates, and the Pareto set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import htpy as h

from taskloom.comparison.differences import best_of
from taskloom.comparison.variants import Metric, Variant
from taskloom.report import charts
from taskloom.report.blocks import render_block, render_blocks, table
from taskloom.report.model import Block, Chart
from taskloom.report.naming import chosen_values
from taskloom.statistics.intervals import mean_interval
from taskloom.wording import format_bound, format_value

LEAST = 6
"""Variants from which on a picture over them says more than their table."""
MOST_AXES = 8
MOST_LINES = 2000
_LOG_SPAN = 100.0
_MISSING = -0.12
"""Height of a missing value in parallel coordinates: off the axis, never at its 0."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of parallel coordinates.

    Attributes:
        title: Its name.
        places: Height of each line in 0 to 1, or None where the value is missing.
        ticks: Heights with their labels.
    """

    title: str
    places: Sequence[float | None]
    ticks: Sequence[tuple[float, str]]


def across(found: Sequence[Variant], metric: Metric | None) -> h.Node:
    """Return marginal means and charts over the parameters that differ; nothing for few variants.

    Args:
        found: The variants.
        metric: The metric that they are compared by.
    """
    if metric is None or len(found) < LEAST:
        return None
    values = chosen_values([item.runs[0] for item in found])
    values.pop("seed", None)
    figures = [item.interval.estimate for item in found]
    blocks: list[Block] = []
    leader, tied, _ = best_of(found, metric.better)
    best = {id(item) for item in (leader, *tied) if item is not None}
    marked = [id(item) in best for item in found]
    for path, column in values.items():
        numbers = [_number(text) for text in column]
        if all(number is not None for number in numbers) and len(set(numbers)) > 2:
            blocks.append(_scatter(path, numbers, figures, marked, metric))
    axes = [axis_of(_short(path), column) for path, column in values.items()][: MOST_AXES - 1]
    own = axis_of(metric.name, [repr(value) for value in figures])
    root = found[0].runs[0].dir
    # Alone, because half a page is too narrow for its axes.
    wide = render_block(parallel([*axes, own], marked), root)
    return [_marginals(values, found, metric), *render_blocks(blocks, root), wide]


def axis_of(title: str, column: Sequence[str]) -> Axis:
    """Return an axis: of numbers by their size, on a logarithm if they are positive and span a hundredfold; else of words.

    Args:
        title: Its name.
        column: One value a line; an en dash or NaN is missing.

    Example:
        >>> axis_of("width", ["1", "10", "100", "nan"]).places
        [0.0, 0.5, 1.0, None]
        >>> axis_of("kind", ["map", "none", "map"]).places
        [0.0, 1.0, 0.0]
    """
    numbers = [_number(text) for text in column]
    known = sorted({x for x in numbers if x is not None})
    if known and all(x is not None or _is_missing(text) for x, text in zip(numbers, column, strict=True)):  # fmt: skip
        is_log = known[0] > 0 and known[-1] >= _LOG_SPAN * known[0]
        turn = math.log if is_log else float
        low, span = turn(known[0]), turn(known[-1]) - turn(known[0])
        places = [None if x is None else (turn(x) - low) / span if span else 0.5 for x in numbers]
        ends = [known[0], known[-1]] if span else [known[0]]
        return Axis(title, places, [((turn(x) - low) / span if span else 0.5, f"{x:.4g}") for x in ends])  # fmt: skip
    words = [*dict.fromkeys(text for text in column if not _is_missing(text))]
    step = 1 / max(len(words) - 1, 1)
    place = {word: step * number if len(words) > 1 else 0.5 for number, word in enumerate(words)}
    return Axis(
        title, [place.get(text) for text in column], [(y, word) for word, y in place.items()]
    )


def parallel(axes: Sequence[Axis], marked: Sequence[bool], of: str = "variant") -> Chart:
    """Return parallel coordinates: one line a variant, those not shown to differ from the best on top.

    Args:
        axes: The axes, from left to right.
        marked: True for each line that stands out.
        of: Word for what a line stands for.
    """
    total = len(marked)
    every = -(-total // MOST_LINES)
    kept = [n for n in range(total) if marked[n] or n % every == 0][:MOST_LINES]
    names = [axis.title for axis in axes]
    lines = [
        {"axis": axis.title, "y": _MISSING if (y := axis.places[n]) is None else y, "n": n, "best": marked[n]}
        for n in kept
        for axis in axes
    ]  # fmt: skip
    ticks: list[dict[str, Any]] = [
        {"axis": axis.title, "y": y, "label": label} for axis in axes for y, label in axis.ticks
    ]
    if any(None in axis.places for axis in axes):
        ticks += [{"axis": axis.title, "y": _MISSING, "label": "missing"} for axis in axes if None in axis.places]  # fmt: skip
    across_axes: dict[str, Any] = {"field": "axis", "type": "nominal", "sort": names, "title": None, "axis": {"labelAngle": 0, "labelLimit": 110}}  # fmt: skip
    up: dict[str, Any] = {"field": "y", "type": "quantitative", "axis": None, "scale": {"domain": [_MISSING - 0.05, 1.05]}}  # fmt: skip
    place = {"x": across_axes, "y": up}
    said = "" if every == 1 else f" {len(kept):,} of {total:,} lines are drawn, evenly thinned."
    stands = " Dark: not shown to differ from the best." if any(marked) else ""
    opacity = {"condition": {"test": "datum.best", "value": 0.95}, "value": 0.25}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Parallel coordinates",
        "width": 2 * charts.WIDTH,
        "height": charts.HEIGHT,
        "data": {"values": lines},
        "layer": [
            {"mark": "line", "encoding": {**place, "detail": {"field": "n"}, "opacity": opacity}},
            {
                "data": {"values": ticks},
                "mark": {"type": "text", "dx": 6, "align": "left", "fontSize": 11},
                "encoding": {**place, "text": {"field": "label"}},
            },
        ],
    }
    return Chart(spec, f"One line a {of}; a missing value lies below its axis.{stands}{said}")


def pareto(points: Sequence[tuple[float, float]], signs: tuple[int, int]) -> list[bool]:
    """Return for each point whether no other is at least as good in both and better in one.

    Args:
        points: Pairs of metrics.
        signs: 1 where more is better, -1 where less is, of either metric.

    Example:
        >>> pareto([(1, 1), (2, 2), (3, 1)], (1, 1))
        [False, True, True]
    """
    turned = [(signs[0] * a, signs[1] * b) for a, b in points]
    return [
        not any(other[0] >= one[0] and other[1] >= one[1] and other != one for other in turned)
        for one in turned
    ]


def _scatter(
    path: str,
    numbers: Sequence[float | None],
    values: Sequence[float],
    marked: Sequence[bool],
    metric: Metric,
) -> Chart:
    kind = {True: "not shown to differ from the best", False: "other"}
    rows = [
        {path: x, metric.name: y, " ": kind[best]}
        for x, y, best in zip(numbers, values, marked, strict=True)
    ]
    known = [x for x in numbers if x is not None]
    is_log = min(known) > 0 and max(known) >= _LOG_SPAN * min(known)
    color = " " if any(marked) else ""
    return charts.scatter(rows, path, metric.name, color=color, x_log=is_log, title=f"{metric.title} over {path}")  # fmt: skip


def _marginals(
    values: Mapping[str, Sequence[str]], found: Sequence[Variant], metric: Metric
) -> h.Node:
    """Return the mean by level, over those combinations of the other parameters that have every level."""
    rows = []
    for path, column in values.items():
        others = [tuple(c[n] for p, c in values.items() if p != path) for n in range(len(found))]
        levels = [*dict.fromkeys(column)]
        blocks = {
            block
            for block in others
            if {column[n] for n in range(len(found)) if others[n] == block and found[n].values}
            == {*levels}
        }
        for level in levels:
            sample = [found[n].interval.estimate for n in range(len(found)) if column[n] == level and others[n] in blocks]  # fmt: skip
            if sample:
                told = mean_interval(sample, of="block")
                half = told.half_width
                ends = told.no_interval if told.low is None or told.high is None else f"{format_bound(told.low, half)} to {format_bound(told.high, half)}"  # fmt: skip
                rows.append(
                    (_short(path), level, format_value(told.estimate, half), ends, len(sample))
                )
    caption = f"{metric.title}: means by level over complete blocks, that is combinations of the others that have every level."
    return (
        table(("parameter", "level", "mean", "95 % interval", "blocks"), rows, caption)
        if rows
        else None
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_missing(text: str) -> bool:
    return text in ("\u2013", "nan", "inf", "-inf")


def _short(path: str) -> str:
    return path.removesuffix(".kind")
