"""Charts of what a run logged while it ran."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from taskloom.report import charts
from taskloom.report.model import Chart

CHART_LIMIT = 16
"""Charts of histories in one page."""
SERIES_LIMIT = 8
"""Lines in one chart: as many as there are colours that can be told apart."""
_LOG_RANGE = 1000.0
_LIKE_SIZE = 30.0
"""Largest ratio of two metrics that share an axis."""

Rows = Sequence[Mapping[str, float]]


def history_charts(rows: Rows) -> tuple[list[Chart], list[str]]:
    """Return one chart for each metric or group of metrics that has a course, and the names that found no room.

    Args:
        rows: Metric lines with `step`, `t` and values.
    """
    groups = _groups(rows, set(logged_once(rows)))
    drawn = [_chart(group, names, rows) for group, names in groups[:CHART_LIMIT]]
    return drawn, [name for _, names in groups[CHART_LIMIT:] for name in names]


def comparison_charts(histories: Mapping[str, Rows]) -> list[Chart]:
    """Return one chart for each metric that some of the runs logged, with one line a run.

    Args:
        histories: Metric lines by the run's label.
    """
    names = list(dict.fromkeys(name for rows in histories.values() for name in metric_names(rows)))
    drawn = []
    for name in names[:CHART_LIMIT]:
        rows = [
            {"step": row["step"], "value": row[name], "run": label}
            for label, history in histories.items()
            for row in history
            if name in row and "step" in row
        ]
        values = [row[name] for history in histories.values() for row in history if name in row]
        drawn.append(
            charts.line(
                rows, "step", "value", color="run", title=name, y_title=" ", y_log=_spans(values)
            )
        )
    return drawn


def logged_once(rows: Rows) -> dict[str, tuple[float, float]]:
    """Return the step and the value of every metric that was logged once: a number, where a chart would be a dot."""
    seen: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in ("step", "t"):
                seen.setdefault(name, []).append((row.get("step", 0), value))
    return {name: points[0] for name, points in seen.items() if len(points) == 1}


def metric_names(rows: Rows) -> list[str]:
    """Return the names of the metrics in the rows, in the order in which they appear."""
    return [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in ("step", "t")
    ]


def _groups(rows: Rows, left_out: set[str]) -> list[tuple[str, list[str]]]:
    """Return metrics that share what stands before the last `/` and are of like size, at most eight together."""
    together: dict[str, list[str]] = {}
    for name in metric_names(rows):
        if name not in left_out:
            group = str(PurePosixPath(name).parent) if "/" in name else name
            together.setdefault(group, []).append(name)
    return [
        (group, names[begin : begin + SERIES_LIMIT])
        for group, members in together.items()
        for names in _alike(members, rows)
        for begin in range(0, len(names), SERIES_LIMIT)
    ]


def _alike(names: Sequence[str], rows: Rows) -> list[list[str]]:
    """Part metrics by size: beside a loss of 2 a learning rate of 0.01 would be a line on the axis."""
    sizes = {name: _largest(row[name] for row in rows if name in row) for name in names}
    parts: list[list[str]] = []
    for name in sorted(
        names, key=lambda name: sizes[name] == 0
    ):  # what is zero fits beside anything
        fitting = (part for part in parts if _are_alike(sizes[name], sizes[part[0]]))
        part = next(fitting, None)
        if part is None:
            parts.append([name])
        else:
            part.append(name)
    return parts


def _largest(values: Iterable[float]) -> float:
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0)


def _are_alike(size: float, other: float) -> bool:
    return not size or not other or 1 / _LIKE_SIZE <= size / other <= _LIKE_SIZE


def _chart(group: str, names: Sequence[str], rows: Rows) -> Chart:
    if names == [group] or len(names) == 1:
        name = names[0]
        values = [row[name] for row in rows if name in row]
        return charts.line(rows, "step", name, title=name, y_title=" ", y_log=_spans(values))
    # The colour's field is a space, so that the legend has no title: the chart's title says what the parts are of.
    long = [
        {"step": row["step"], "value": row[name], " ": name.removeprefix(f"{group}/")}
        for name in names
        for row in rows
        if name in row and "step" in row
    ]
    values = [row[name] for name in names for row in rows if name in row]
    return charts.line(
        long, "step", "value", color=" ", title=group, y_title=" ", y_log=_spans(values)
    )


def _spans(values: Sequence[float]) -> bool:
    """Return whether values need a logarithmic axis: all positive, and the largest a thousand times the smallest."""
    return bool(values) and min(values) > 0 and max(values) > _LOG_RANGE * min(values)
