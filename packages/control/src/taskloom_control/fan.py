"""The plan fan: where the candidates of some plans would have taken a traced point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taskloom.report.model import Chart

_MOST_PLANS = 12
_MOST_STEPS = 25


def fan_rows(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    """Return the points of the fans in the two directions in which they reach farthest, and the names of those."""
    times, points = arrays["fan_time"], arrays["fan_points"][:, :, :, -1, :]
    chosen = np.unique(
        np.linspace(0, len(times) - 1, min(len(times), _MOST_PLANS)).round().astype(int)
    )
    finite = points[np.isfinite(points).all(axis=-1)]
    reach = np.ptp(finite, axis=0) if finite.size else np.zeros(3)
    axes = sorted(np.argsort(-reach, kind="stable")[:2])
    steps = np.unique(
        np.linspace(0, points.shape[2] - 1, min(points.shape[2], _MOST_STEPS)).round().astype(int)
    )
    rows = [
        {
            "plan": f"{times[plan]:.2f} s",
            "candidate": f"{plan}-{candidate}",
            "kind": "nominal" if candidate == 0 else "candidate",
            "order": int(step),
            "x": round(float(points[plan, candidate, step, axes[0]]), 4),
            "y": round(float(points[plan, candidate, step, axes[1]]), 4),
        }
        for plan in chosen
        for candidate in range(points.shape[1])
        for step in steps
        if np.isfinite(points[plan, candidate, step]).all()
    ]
    return rows, ("xyz"[axes[0]], "xyz"[axes[1]])


def fan_chart(arrays: Mapping[str, np.ndarray]) -> Chart | None:
    """Return the chart of the last traced point's fans, or None if none were kept."""
    if "fan_time" not in arrays or not len(arrays["fan_time"]):
        return None
    rows, (horizontal, vertical) = fan_rows(arrays)
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Plan fan",
        "data": {"values": rows},
        "width": 520,
        "height": 360,
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.5},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": f"{horizontal} [m]",
                "scale": {"zero": False},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": f"{vertical} [m]",
                "scale": {"zero": False},
            },
            "detail": {"field": "candidate", "type": "nominal"},
            "order": {"field": "order", "type": "quantitative"},
            "color": {"field": "plan", "type": "nominal", "title": "planned at", "sort": None},
        },
    }
    caption = (
        "Where the candidates of some plans would have taken the last traced point of the model."
    )
    return Chart(spec, caption)
