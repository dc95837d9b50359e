"""Charts over many runs: one dot a run, each a link to it, or one line a run across several fields. Drawn here, without a script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import htpy as h
from markupsafe import Markup, escape

from taskloom.digits import digits
from taskloom.records.checks import decode_number
from taskloom.report.across import MOST_AXES, axis_of, parallel
from taskloom.report.blocks import render_block
from taskloom.report.sample import thin_cloud
from taskloom.runs.compare import spelled
from taskloom.runs.query import value_at

MOST_DOTS = 2000
MOST_LINES = 300
# About as wide as a phone's column: a picture that shrinks takes its letters along.
_WIDTH, _HEIGHT = 440, 250
_WIDEST = 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 16, 30, 44
_LOG_SPAN = 100.0
_TICKS = 4


def over_runs(rows: Sequence[Mapping[str, Any]], x: str, y: str) -> h.Node:
    """Return a scatter of two fields; runs that lack a number of either are counted, and not drawn.

    Args:
        rows: Rows of the runs.
        x: Field on the horizontal axis.
        y: Field on the vertical axis.
    """
    points = []
    for number, row in enumerate(rows):
        ends = [decode_number(value_at(row, path)) for path in (x, y)]
        if ends[0] is not None and ends[1] is not None and all(map(math.isfinite, filter(None, ends))):  # fmt: skip
            points.append((float(number), ends[0], ends[1]))
    if not points:
        return h.p(".note")[f"No run has a number under both {x} and {y}."]
    # Thinned by their places: evenly spaced in their order.
    kept = {int(n) for n, _ in thin_cloud([(n, a) for n, a, _ in points], MOST_DOTS)}
    shown = [(rows[int(n)], a, b) for n, a, b in points if int(n) in kept]
    across, up = _Axis([a for _, a, _ in shown]), _Axis([b for _, _, b in shown])
    said = [f"{len(shown):,} of {len(rows):,} runs"]
    if len(points) < len(rows):
        said.append(f"{len(rows) - len(points):,} have no such number")
    if len(shown) < len(points):
        said.append("evenly thinned")
    label = f"{y} over {x}, one dot a run"
    return h.figure(".wide")[
        h.svg(
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            role="group",
            aria_label=label,
            style=f"width:100%;max-width:{_WIDEST}px;height:auto",
        )[
            _axes(across, up, x, y),
            Markup("").join(_dot(row, across.x(a), up.y(b), a, b) for row, a, b in shown),
        ],
        h.figcaption[f"{label}: {'; '.join(said)}. A dot leads to its run."],
    ]


def lines_over_runs(store: Path, rows: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> h.Node:
    """Return parallel coordinates of several fields, one line a run.

    Args:
        store: The run store.
        rows: Rows of the runs; of many, evenly spaced ones are drawn.
        paths: The fields, from left to right; at most eight.
    """
    every = -(-len(rows) // MOST_LINES)
    drawn = rows[::every]
    axes = [axis_of(path, [_told(row, path) for row in drawn]) for path in paths[:MOST_AXES]]
    said = f"{len(drawn):,} of {len(rows):,} runs, evenly thinned." if every > 1 else ""
    chart = parallel(axes, [False] * len(drawn), of="run")
    return [render_block(chart, store), said and h.p(".more")[said]]


def field_at(row: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 -- a value of a record
    """Return the value at a path; of a component, which is chosen by its kind, the kind.

    Args:
        row: Row of a run.
        path: Field of it.
    """
    found = value_at(row, path)
    if found is None and path.startswith("config."):
        found = value_at(row, f"{path}.kind")
    if found is None and path.removeprefix("config.") in spelled(row["config"]):
        return "none"  # a choice, and not a value that is missing
    return found.get("kind") if isinstance(found, Mapping) else found


def _told(row: Mapping[str, Any], path: str) -> str:
    """Return a value as an axis reads it: a number, or a word; a dash where there is none."""
    found = field_at(row, path)
    number = decode_number(found)
    return repr(number) if number is not None else "\u2013" if found is None else str(found)[:40]


class _Axis:
    """One axis: linear, or logarithmic where positive numbers span a hundredfold."""

    def __init__(self, numbers: Sequence[float]) -> None:
        low, high = min(numbers), max(numbers)
        self.is_log = low > 0 and high >= _LOG_SPAN * low
        self._turn = math.log if self.is_log else float
        self._back = math.exp if self.is_log else float
        self._low, self._span = self._turn(low), self._turn(high) - self._turn(low)

    def share(self, number: float) -> float:
        """Return the place of a number, 0 to 1."""
        return (self._turn(number) - self._low) / self._span if self._span else 0.5

    def x(self, number: float) -> float:
        """Return the horizontal place of a number [px]."""
        return _LEFT + self.share(number) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, number: float) -> float:
        """Return the vertical place of a number [px]."""
        return _HEIGHT - _BOTTOM - self.share(number) * (_HEIGHT - _TOP - _BOTTOM)

    def ticks(self) -> list[float]:
        """Return round numbers on the axis; on a logarithmic one, numbers that are evenly spaced; the one number there is."""
        if not self._span:
            return [self._back(self._low)]
        if self.is_log:
            return [self._back(self._low + self._span * n / _TICKS) for n in range(_TICKS + 1)]
        rough = self._span / _TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * size for size in (1, 2, 5, 10) if unit * size >= rough * 0.999)
        first = math.ceil(self._low / step)
        last = math.floor((self._low + self._span) / step)
        return [step * n for n in range(first, last + 1)]


def _axes(across: _Axis, up: _Axis, x: str, y: str) -> list[h.Node]:
    bottom = _HEIGHT - _BOTTOM
    style = {"font_size": "12", "fill": "var(--ink-2)"}
    nodes: list[h.Node] = []
    for value in across.ticks():
        place = f"{across.x(value):.1f}"
        nodes.append(
            h.text(x=place, y=str(bottom + 18), text_anchor="middle", **style)[digits(value)]
        )
    for value in up.ticks():
        place = f"{up.y(value):.1f}"
        nodes.append(h.line(x1=str(_LEFT), x2=str(_WIDTH - _RIGHT), y1=place, y2=place, stroke="var(--grid)"))  # fmt: skip
        nodes.append(h.text(x=str(_LEFT - 8), y=place, dy="4", text_anchor="end", **style)[digits(value)])  # fmt: skip
    middle = (_WIDTH + _LEFT - _RIGHT) / 2
    nodes.append(h.text(x=f"{middle}", y=str(_HEIGHT - 6), text_anchor="middle", **style)[x])
    nodes.append(h.text(x="8", y="12", **style)[y])
    return nodes


def _dot(row: Mapping[str, Any], x: float, y: float, a: float, b: float) -> Markup:
    """Return one dot, as text: thousands of elements would cost more than all else on the page."""
    place = escape(row["folder"])
    told = f"{place}: {a:.4g}, {b:.4g}"
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="var(--c1)" fill-opacity="0.6">'
    return Markup(f'<a href="/runs/{place}/" aria-label="{told}">{circle}<title>{told}</title></circle></a>')  # fmt: skip
