"""Distributions of a number in several groups, on one another."""

from __future__ import annotations

from collections.abc import Mapping

from taskloom.report import charts
from taskloom.report.model import Chart

NUM_BINS = 20


def densities(title: str, groups: Mapping[str, list[float]], caption: str) -> Chart:
    """Return the share of values in each of about 20 intervals, for groups of different sizes."""
    every = [v for values in groups.values() for v in values]
    low, high = min(every, default=0.0), max(every, default=1.0)
    width = (high - low) / NUM_BINS or 1.0
    if all(float(v).is_integer() for v in every):
        width = max(1.0, float(round(width)))  # whole numbers are not split unevenly,
        low -= 0.5  # and a bar stands over its number
    num = int((high - low) / width) + 1
    rows = []
    for group, values in groups.items():
        counts = [0] * num
        for value in values:
            counts[min(int((value - low) / width), num - 1)] += 1
        rows += [
            {"x": low + i * width, "x2": low + (i + 1) * width, "y": n / max(len(values), 1), "of": group}
            for i, n in enumerate(counts)
        ]  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "mark": {"type": "bar", "opacity": 0.5},
        "encoding": {
            "x": {"field": "x", "bin": "binned", "type": "quantitative", "title": title},
            "x2": {"field": "x2"},
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": "share",
                "stack": None,
                "axis": {"format": "%"},
            },
            "color": {"field": "of", "type": "nominal", "sort": None, "title": None},
        },
    }
    return Chart(spec, caption)
