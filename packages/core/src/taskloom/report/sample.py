"""Fewer points, same picture: long series are thinned before they reach a chart."""

from __future__ import annotations

from collections.abc import Sequence

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
