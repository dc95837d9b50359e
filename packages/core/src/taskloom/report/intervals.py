"""Figures with their intervals, one line each: the drawing of studies and of comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import htpy as h

from taskloom.report.blocks import chart
from taskloom.report.charts import WIDTH
from taskloom.report.model import Chart
from taskloom.statistics.intervals import Interval

_MOST_DRAWN = 40
_ROW_HEIGHT = 22  # [px]


def interval_strip(
    items: Sequence[tuple[str, Interval]],
    metric: str,
    level: str = "95 %",
    *,
    has_zero: bool = False,
) -> h.Node:
    """Return points with their intervals, one line each; nothing for none, and for more than a page can hold.

    Args:
        items: Names with their intervals; without ends a figure is a point.
        metric: Title of the axis.
        level: Level of the intervals in words.
        has_zero: True to show where 0 lies.
    """
    values: list[dict[str, Any]] = [
        {"name": name, "estimate": item.estimate, "low": item.low, "high": item.high}
        for name, item in items
    ]
    if not values or len(values) > _MOST_DRAWN:
        return None
    longest = max(len(name) for name, _ in items)
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 260},
    }
    scale = {"zero": has_zero}
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {"field": "low", "type": "quantitative", "title": metric, "scale": scale},
                "x2": {"field": "high"},
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 50},
            "encoding": {
                "y": y,
                "x": {"field": "estimate", "type": "quantitative", "scale": scale},
            },
        },
    ]
    if has_zero:
        zero = {"mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": {"x": {"datum": 0}}}
        layers.append(zero)
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": WIDTH,
        # A reader's font may be wider than the one that was measured, the more so the longer a name is.
        "padding": {"left": 16 + longest, "top": 4, "right": 4, "bottom": 4},
        "height": _ROW_HEIGHT * max(2, len(values)),
        "layer": layers,
    }
    return chart(Chart(spec, f"{metric[:1].upper()}{metric[1:]} with {level} intervals."))
