"""The plan fan: where the candidates of some plans would have taken a traced point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taskloom.report.model import Chart

_MOST_PLANS = 12
_MOST_STEPS = 25
_WIDTH, _HEIGHT = 420, 300


def fan_rows(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    """Return the points of the fans in the two directions in which they reach farthest, and the names of those."""
    times, points = arrays["fan_time"], arrays["fan_points"][:, :, :, -1, :]
    chosen = _spread(len(times), _MOST_PLANS)
    finite = points[np.isfinite(points).all(axis=-1)]
    reach = np.ptp(finite, axis=0) if finite.size else np.zeros(3)
    axes = sorted(np.argsort(-reach, kind="stable")[:2])
    steps = _spread(points.shape[2], _MOST_STEPS)
    rows = [
        {
            "plan": round(float(times[plan]), 4),
            "candidate": f"{plan}-{candidate}",
            "nominal": candidate == 0,
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


def fan_chart(
    arrays: Mapping[str, np.ndarray], point: str = "the last traced point"
) -> Chart | None:
    """Return the chart of the last traced point's fans, or None if none were kept.

    Args:
        arrays: What was recorded.
        point: What the point is called.
    """
    if "fan_time" not in arrays or not len(arrays["fan_time"]):
        return None
    rows, names = fan_rows(arrays)
    across = {
        channel: {
            "field": channel,
            "type": "quantitative",
            "title": f"{name} [m]",
            "scale": {"domain": domain, "nice": False},
        }
        for channel, name, domain in zip("xy", names, _equal_domains(rows), strict=True)
    }
    encoding = {
        **across,
        "detail": {"field": "candidate", "type": "nominal"},
        "order": {"field": "order", "type": "quantitative"},
        "color": {
            "field": "plan",
            "type": "quantitative",
            "title": "planned at [s]",
            "scale": {"scheme": "viridis"},
        },
    }
    candidates = {"mark": {"type": "line", "strokeWidth": 0.8, "opacity": 0.45, "clip": True}}
    nominal = {
        "transform": [{"filter": "datum.nominal"}],
        "mark": {"type": "line", "strokeWidth": 2.4, "clip": True},
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Plan fan",
        "data": {"values": rows},
        "width": _WIDTH,
        "height": _HEIGHT,
        "layer": [{**candidates, "encoding": encoding}, {**nominal, "encoding": encoding}],
    }
    caption = (
        f"Where the candidates of some plans would have taken {point}, one colour for each plan, the two axes to one scale. "
        "The thick line is the plan that the search began with."
    )
    return Chart(spec, caption)


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _equal_domains(rows: list[dict[str, Any]]) -> list[list[float]]:
    """Return the domains of both axes in which a metre is as long across as up, a little wider than the points."""
    if not rows:
        return [[0.0, 1.0], [0.0, 1.0]]
    points = np.array([[row["x"], row["y"]] for row in rows])
    # The farthest candidates of a wide search would leave the rest a dot.
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    middle, size = 0.5 * (low + high), np.maximum(1.1 * (high - low), 1e-3)
    per_pixel = float(max(size[0] / _WIDTH, size[1] / _HEIGHT))
    half = 0.5 * per_pixel * np.array([_WIDTH, _HEIGHT])
    return [[float(m - h), float(m + h)] for m, h in zip(middle, half, strict=True)]
