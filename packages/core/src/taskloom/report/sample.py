"""Fewer points, same picture: long series are thinned before they reach a chart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

LIMIT = 2000
"""Points of a series above which it is thinned."""

Point = tuple[float, float]


def thin_line(points: Sequence[Point], limit: int = LIMIT) -> list[Point]:
    """Return at most `limit` points of a line that has the same peaks.

    The points, in order of x, are cut into equal stretches, and each stretch keeps its lowest and its highest point in their
    order, so a spike of a single step stays visible. The first and the last point are kept.

    Args:
        points: Pairs (x, y), sorted by x.
        limit: The most points to keep; at least 4.
    """
    if len(points) <= limit:
        return list(points)
    inner = points[1:-1]
    stretches = (limit - 2) // 2
    kept = [points[0]]
    for number in range(stretches):
        begin = number * len(inner) // stretches
        end = (number + 1) * len(inner) // stretches
        stretch = range(begin, end)
        low = min(stretch, key=lambda index: inner[index][1])
        high = max(stretch, key=lambda index: inner[index][1])
        kept += [inner[index] for index in sorted({low, high})]
    return [*kept, points[-1]]


def thin_cloud(rows: Sequence[Point], limit: int = LIMIT) -> list[Point]:
    """Return at most `limit` points of a cloud, evenly spaced in their order."""
    if len(rows) <= limit:
        return list(rows)
    return [rows[number * len(rows) // limit] for number in range(limit)]


CELLS = 4000
"""Stretches of a history above which neighbours become one."""

_Extremes = dict[str, tuple[Point, Point]]


def thin_rows(rows: Iterable[Mapping[str, float]], cells: int = CELLS) -> list[dict[str, float]]:
    """Return metric lines with the same peaks, read once and held in bounded memory however many there are.

    Up to `cells` lines are returned as they are. Of more, each stretch of as many lines as turn out to be needed keeps every
    metric's lowest and highest value, each in a line of its own with its step.

    Args:
        rows: Lines with `step` and values.
        cells: The most stretches.
    """
    whole: list[dict[str, float]] = []
    stretches: list[_Extremes] = []
    size = 1
    for number, row in enumerate(rows):
        if number < cells:
            whole.append(dict(row))
        if number % size == 0:
            if len(stretches) == cells:
                stretches = [_united(*stretches[at : at + 2]) for at in range(0, cells, 2)]
                size *= 2
            stretches.append({})
        step = row.get("step", float(number))
        for name, value in row.items():
            if name not in ("step", "t") and math.isfinite(value):
                _widen(stretches[-1], name, (step, value), (step, value))
    if size == 1:
        return whole
    return [
        {"step": step, name: value}
        for stretch in stretches
        for name, ends in stretch.items()
        for step, value in sorted(set(ends))
    ]


def _united(one: _Extremes, other: _Extremes) -> _Extremes:
    """Return the lowest and the highest points of both, by metric."""
    for name, (low, high) in other.items():
        _widen(one, name, low, high)
    return one


def _widen(stretch: _Extremes, name: str, low: Point, high: Point) -> None:
    known = stretch.get(name)
    if known is None:
        stretch[name] = (low, high)
    elif low[1] < known[0][1] or high[1] > known[1][1]:
        stretch[name] = (
            low if low[1] < known[0][1] else known[0],
            high if high[1] > known[1][1] else known[1],
        )
