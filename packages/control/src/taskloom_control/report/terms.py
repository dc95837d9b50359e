"""Cost of an episode, term by term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taskloom.report.model import Block, Chart, Table

from taskloom_control.closed_loop.trajectory import COST_PREFIX

_MOST_TERMS, _MOST_POINTS = 8, 200
_REST = "other terms"


def cost_blocks(arrays: Mapping[str, np.ndarray]) -> list[Block]:
    """Return the costs over time and a table of their means; nothing for a task that does not name its costs.

    Args:
        arrays: What was recorded.
    """
    terms = _ranked(arrays)
    if not terms:
        return []
    times, total = arrays["time"][1:], sum(float(values.mean()) for values in terms.values())
    rows: list[list[str | float | bool]] = [
        [name, float(values.mean()), f"{100 * values.mean() / total:.1f} %" if total else "-"]
        for name, values in terms.items()
    ]
    caption = "What a step cost on average, by the name of the term."
    return [_chart(times, terms), Table(["term", "mean cost per step", "share"], rows, caption)]


def _ranked(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the terms from the dearest to the cheapest; those past the eighth are summed, and what is absent costs nothing."""
    found = {
        name.removeprefix(COST_PREFIX): np.nan_to_num(values)
        for name, values in arrays.items()
        if name.startswith(COST_PREFIX) and len(values)
    }
    order = sorted(found, key=lambda name: -float(np.abs(found[name]).mean()))
    shown = order if len(order) <= _MOST_TERMS else order[: _MOST_TERMS - 1]
    terms = {name: found[name] for name in shown}
    if len(shown) < len(order):
        terms[_REST] = np.sum([found[name] for name in order[len(shown) :]], axis=0)
    return terms


def _chart(times: np.ndarray, terms: Mapping[str, np.ndarray]) -> Chart:
    """Draw areas on top of each other, whose height is the cost of a step; lines if a term can be negative."""
    pieces = np.array_split(np.arange(len(times)), min(len(times), _MOST_POINTS))
    rows = [
        {
            "time": round(float(times[piece].mean()), 5),
            "cost": float(values[piece].mean()),
            "term": name,
        }
        for name, values in terms.items()
        for piece in pieces
    ]
    stacked = all(float(values.min()) >= 0 for values in terms.values())
    encoding: dict[str, Any] = {
        "x": {"field": "time", "type": "quantitative", "title": "time [s]"},
        "y": {
            "field": "cost",
            "type": "quantitative",
            "title": "cost per step",
            "stack": "zero" if stacked else None,
        },
        "color": {
            "field": "term",
            "type": "nominal",
            "sort": list(terms),
            "legend": {"title": None, "columns": 4},
        },
    }  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Cost by term",
        "data": {"values": rows},
        "width": 420,
        "height": 220,
        "mark": {"type": "area", "opacity": 0.85} if stacked else {"type": "line"},
        "encoding": encoding,
    }
    what = "on top of each other; the upper edge is minus the reward" if stacked else "as lines"
    return Chart(spec, f"The terms of the cost of each simulated step, {what}.")
