"""Fewer points, same picture: long series are thinned before they reach a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from taskloom.runs.thinner import CELLS, Point, Thinner

LIMIT = 2000
"""Points of a series above which it is thinned."""


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


def thin_rows(rows: Iterable[Mapping[str, float]], cells: int = CELLS) -> list[dict[str, float]]:
    """Return metric lines with the same peaks, read once and held in bounded memory however many there are.

    Args:
        rows: Lines with `step` and values.
        cells: The most stretches; see `Thinner`.
    """
    thinner = Thinner(cells)
    for row in rows:
        thinner.add(row)
    return thinner.rows()
