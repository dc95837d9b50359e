"""The usual charts as Vega-Lite specs: plain dicts with their data inline.

Every builder takes `rows`, a list of flat dicts, and the names of the fields to show. Values that are missing or not finite
are left out, and so are values <= 0 on a logarithmic axis; the caption then says how many. Colours, fonts and sizes are not
set here: the page decides them, so that one chart suits a light and a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from taskloom.report.model import Chart
from taskloom.report.sample import thin_cloud, thin_line
from taskloom.runs.thinner import Point

Rows = Sequence[Mapping[str, Any]]

WIDTH, HEIGHT = 420, 220
"""Size of the plotting area [px]; the page scales it to the column."""
_LETTER, _SWATCH = 7, 40
"""Width of a letter of a legend, and of what stands beside its label [px]."""
CLOUD_LIMIT = 4000
_LABELLED_CELLS = 150


def line(
    rows: Rows,
    x: str,
    y: str,
    *,
    color: str = "",
    title: str = "",
    x_title: str = "",
    y_title: str = "",
    x_log: bool = False,
    y_log: bool = False,
    caption: str = "",
) -> Chart:
    """Draw `y` over `x` as a line, one for each value of the field `color`; a line over 2,000 points is thinned."""
    series, dropped = _series(rows, x, y, color, (x_log, y_log))
    values = _flat(series, lambda points: thin_line(sorted(points)))
    lonely = any(len(points) == 1 for points in series.values())
    return _xy(
        {"type": "line", "point": lonely, "interpolate": "linear"},
        values,
        _names(x, y, color, x_title, y_title),
        (x_log, y_log),
        (title, _noted(caption, dropped)),
    )


def scatter(
    rows: Rows,
    x: str,
    y: str,
    *,
    color: str = "",
    title: str = "",
    x_title: str = "",
    y_title: str = "",
    x_log: bool = False,
    y_log: bool = False,
    caption: str = "",
) -> Chart:
    """Draw one dot a row; of more than 4,000 rows in a colour, evenly spaced ones are drawn and the caption says so."""
    series, dropped = _series(rows, x, y, color, (x_log, y_log))
    values = _flat(series, lambda points: thin_cloud(points, CLOUD_LIMIT))
    total = sum(len(points) for points in series.values())
    if len(values) < total:
        caption = _joined(caption, f"{len(values):,} of {total:,} points are drawn.")
    mark = {
        "type": "point",
        "filled": True,
        "opacity": 0.7 if len(values) < 300 else 0.4,
        "size": 28,
    }
    names = _names(x, y, color, x_title, y_title)
    return _xy(mark, values, names, (x_log, y_log), (title, _noted(caption, dropped)))


def bar(
    rows: Rows,
    x: str,
    y: str,
    *,
    color: str = "",
    title: str = "",
    caption: str = "",
    horizontal: bool = False,
) -> Chart:
    """Draw one bar of height `y` for each category `x`, in the order of the rows; `color` sets bars side by side."""
    kept = _numeric(rows, y)
    values = [{"x": str(row.get(x)), "y": row[y], **_group(row, color)} for row in kept]
    category = {"field": "x", "type": "nominal", "sort": None, "title": x}
    number = {"field": "y", "type": "quantitative", "title": y}
    across, offset = ("y", "yOffset") if horizontal else ("x", "xOffset")
    encoding: dict[str, Any] = {across: category, "x" if horizontal else "y": number}
    if not horizontal:
        angle = -35 if _are_long(values) else 0
        encoding["x"] = {**category, "axis": {"labelAngle": angle, "labelOverlap": True}}
    if color:
        encoding["color"] = _color(color, values)
        encoding[offset] = {"field": "c", "sort": None}
    spec = _spec(values, {"mark": "bar", "encoding": encoding}, title)
    if horizontal:
        spec["height"] = {"step": 12 if color else 22}
    return Chart(spec, _noted(caption, len(rows) - len(kept)))


def histogram(
    rows: Rows, value: str, *, color: str = "", bins: int = 40, title: str = "", caption: str = ""
) -> Chart:
    """Count the rows in `bins` equal intervals between the least and the greatest value, for each value of `color`.

    Intervals are closed below and open above, but for the last, which is closed.
    """
    kept = _numeric(rows, value)
    low = min((row[value] for row in kept), default=0.0)
    high = max((row[value] for row in kept), default=1.0)
    width = (high - low) / bins or 1.0
    counts: dict[str, list[int]] = {}
    for row in kept:
        index = min(int((row[value] - low) / width), bins - 1)
        counts.setdefault(str(row.get(color)) if color else "", [0] * bins)[index] += 1
    values = [
        {"x": low + index * width, "x2": low + (index + 1) * width, "y": count, "c": name}
        for name, column in counts.items()
        for index, count in enumerate(column)
        if count
    ]
    encoding: dict[str, Any] = {
        "x": {"field": "x", "bin": "binned", "type": "quantitative", "title": value},
        "x2": {"field": "x2"},
        "y": {"field": "y", "type": "quantitative", "title": "count", "stack": None},
    }
    if color:
        encoding["color"] = _color(color, values)
    mark = {"type": "bar", "opacity": 0.55 if len(counts) > 1 else 0.9}
    spec = _spec(values, {"mark": mark, "encoding": encoding}, title)
    return Chart(spec, _noted(caption, len(rows) - len(kept)))


def heatmap(rows: Rows, x: str, y: str, value: str, *, title: str = "", caption: str = "") -> Chart:
    """Colour one cell a row by `value`; columns `x` and lines `y` keep the order of the rows. Few cells show their number."""
    kept = _numeric(rows, value)
    values = [{"x": str(row.get(x)), "y": str(row.get(y)), "v": row[value]} for row in kept]
    place = {
        "x": {"field": "x", "type": "nominal", "sort": None, "title": x},
        "y": {"field": "y", "type": "nominal", "sort": None, "title": y},
    }
    shade = {"field": "v", "type": "quantitative", "title": value, "scale": {"scheme": "viridis"}}
    layers: list[dict[str, Any]] = [{"mark": "rect", "encoding": {**place, "color": shade}}]
    if len(values) <= _LABELLED_CELLS and values:
        numbers = [row["v"] for row in values]
        middle = (min(numbers) + max(numbers)) / 2
        # Viridis runs from dark to light: the number takes the opposite end.
        ink = {"condition": {"test": f"datum.v > {middle!r}", "value": "#111"}, "value": "#fff"}
        text = {"field": "v", "type": "quantitative", "format": ".3~g"}
        layers.append(
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {**place, "text": text, "color": ink},
            }
        )
    return Chart(_spec(values, {"layer": layers}, title), _noted(caption, len(rows) - len(kept)))


def band(
    rows: Rows,
    x: str,
    low: str,
    high: str,
    *,
    y: str = "",
    color: str = "",
    title: str = "",
    caption: str = "",
) -> Chart:
    """Fill the area between `low` and `high` over `x`, with a line at `y` inside, for each value of `color`."""
    kept = _numeric(rows, x, low, high, *([y] if y else []))
    values = [
        {
            "x": row[x],
            "a": row[low],
            "b": row[high],
            **({"y": row[y]} if y else {}),
            **_group(row, color),
        }
        for row in kept
    ]
    base: dict[str, Any] = {"x": {"field": "x", "type": "quantitative", "title": x}}
    if color:
        base["color"] = _color(color, values)
    label = y or f"{low} to {high}"
    area = {
        **base,
        "y": {"field": "a", "type": "quantitative", "title": label},
        "y2": {"field": "b"},
    }
    layers: list[dict[str, Any]] = [{"mark": {"type": "area", "opacity": 0.25}, "encoding": area}]
    if y:
        middle = {**base, "y": {"field": "y", "type": "quantitative", "title": label}}
        layers.append({"mark": "line", "encoding": middle})
    return Chart(_spec(values, {"layer": layers}, title), _noted(caption, len(rows) - len(kept)))


def _xy(
    mark: Mapping[str, Any],
    values: list[dict[str, Any]],
    names: tuple[str, str, str],
    logs: tuple[bool, bool],
    words: tuple[str, str],
) -> Chart:
    title, caption = words
    encoding: dict[str, Any] = {}
    for channel, name, log in zip("xy", names, logs, strict=False):
        scale = {"type": "log"} if log else {"zero": False}
        encoding[channel] = {
            "field": channel,
            "type": "quantitative",
            "title": name,
            "scale": scale,
            **_axis_of_one({value[channel] for value in values}),
        }
    if names[2]:
        encoding["color"] = _color(names[2].strip(), values)
    return Chart(_spec(values, {"mark": mark, "encoding": encoding}, title), caption)


def _axis_of_one(numbers: set[float]) -> dict[str, Any]:
    """Return an axis that says the one number there is: Vega would round it to a step that it has to guess (3 for 3.166)."""
    if len(numbers) != 1:
        return {}
    (number,) = numbers
    ordinary = number == 0 or 1e-4 <= abs(number) < 1e9
    return {"axis": {"values": [number], "format": ",.5~r" if ordinary else ".4~e"}}


def _spec(values: list[dict[str, Any]], body: Mapping[str, Any], title: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": WIDTH,
        "height": HEIGHT,
        **body,
    }
    return {**spec, "title": title} if title else spec


def _series(
    rows: Rows, x: str, y: str, color: str, logs: tuple[bool, bool]
) -> tuple[dict[str, list[Point]], int]:
    """Return the drawable points of every colour, and how many rows cannot be drawn."""
    series: dict[str, list[Point]] = {}
    dropped = 0
    x_log, y_log = logs
    for row in rows:
        if row.get(y) is None:  # a row without the value is no loss
            continue
        a, b = _number(row.get(x)), _number(row[y])
        if a is None or b is None or (x_log and a <= 0) or (y_log and b <= 0):
            dropped += 1
        else:
            series.setdefault(str(row.get(color)) if color else "", []).append((a, b))
    return series, dropped


def _flat(
    series: Mapping[str, list[Point]], thin: Callable[[list[Point]], list[Point]]
) -> list[dict[str, Any]]:
    colored = set(series) != {""}
    return [
        {"x": x, "y": y, **({"c": name} if colored else {})}
        for name, points in series.items()
        for x, y in thin(points)
    ]


def _names(x: str, y: str, color: str, x_title: str, y_title: str) -> tuple[str, str, str]:
    return x_title or x, y_title or y, color


def _color(name: str, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the channel of colours, with a legend of as many columns as its longest label leaves room for.

    A reader's font may be a fifth wider than the one that was measured, and the next swatch must not stand in a label.
    """
    longest = max((len(str(value.get("c", ""))) for value in values), default=0)
    columns = min(max(WIDTH // (_LETTER * longest + _SWATCH), 1), 4)
    legend = {"columns": columns, "labelLimit": WIDTH // columns - _SWATCH}
    return {"field": "c", "type": "nominal", "sort": None, "title": name or None, "legend": legend}


def _numeric(rows: Rows, *names: str) -> list[dict[str, Any]]:
    """Return the rows in which all these fields are finite numbers, with the fields as plain Python numbers."""
    kept = []
    for row in rows:
        numbers = {name: _number(row.get(name)) for name in names}
        if None not in numbers.values():
            kept.append({**row, **numbers})
    return kept


def _number(value: object) -> float | int | None:
    if type(value) is float:  # nearly always, and a hundred thousand times for one chart
        return value if math.isfinite(value) else None
    # `Real` also covers the scalars of numpy, which JSON does not know.
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(value)


def _group(row: Mapping[str, Any], color: str) -> dict[str, str]:
    return {"c": str(row.get(color))} if color else {}


def _are_long(values: Iterable[Mapping[str, Any]]) -> bool:
    names = {row["x"] for row in values}
    # Numbers are thinned out where they do not fit; words are turned.
    return sum(map(len, names)) > 45 and not all(name.isdecimal() for name in names)


def _noted(caption: str, dropped: int) -> str:
    if not dropped:
        return caption
    what = (
        "value that is not finite or cannot be drawn is"
        if dropped == 1
        else "values that are not finite or cannot be drawn are"
    )
    return _joined(caption, f"{dropped:,} {what} left out.")


def _joined(caption: str, note: str) -> str:
    return f"{caption.rstrip('.')}. {note}" if caption else note
