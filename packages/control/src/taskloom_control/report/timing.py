"""The chart of how long plans took against the control period."""

from __future__ import annotations

import numpy as np
from taskloom.report.model import Chart

_BINS = 40


def planning_chart(milliseconds: np.ndarray, period: float) -> Chart:
    """Count the plans by their time, on a logarithmic axis that shows the control period too.

    Args:
        milliseconds: Wall-clock time of each plan [ms].
        period: Control period [ms].
    """
    low = min(float(milliseconds.min()), period) / 1.2
    high = max(float(milliseconds.max()), period) * 1.2
    edges = np.geomspace(max(low, 1e-6), high, _BINS + 1)
    counts, _ = np.histogram(milliseconds, edges)
    rows = [
        {"from": float(a), "to": float(b), "count": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
        if n
    ]
    scale = {"type": "log", "domain": [float(edges[0]), float(edges[-1])], "nice": False}
    across = {
        "field": "from",
        "type": "quantitative",
        "title": "planning time [ms]",
        "scale": scale,
        "axis": {"format": "~g", "tickCount": 6},
    }
    bars = {
        "mark": {"type": "bar", "opacity": 0.9},
        "encoding": {
            "x": across,
            "x2": {"field": "to"},
            "y": {"field": "count", "type": "quantitative", "title": "plans", "stack": None},
            "y2": {"datum": 0},
        },
    }
    limit = [{"from": period, "word": "control period"}]
    rule = {
        "data": {"values": limit},
        "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": "var(--c2)"},
        "encoding": {"x": across},
    }
    word = {
        "data": {"values": limit},
        "mark": {
            "type": "text",
            "align": "right",
            "baseline": "top",
            "dx": -5,
            "y": 2,
            "color": "var(--c2)",
        },
        "encoding": {"x": across, "text": {"field": "word"}},
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Planning time",
        "data": {"values": rows},
        "width": 420,
        "height": 220,
        "layer": [bars, rule, word],
    }
    return Chart(spec, f"Wall-clock time of each plan; the control period is {period:.4g} ms.")
