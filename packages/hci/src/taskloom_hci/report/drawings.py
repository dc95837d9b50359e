"""Charts of single episodes: where the cursor or the eyes went, what was believed, how long games took."""

# ruff: noqa: ANN401 -- what charts and recordings hold is of any type

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from taskloom.report import charts
from taskloom.report.model import Chart
from taskloom.statistics.shares import share_interval

Rows: TypeAlias = Sequence[Mapping[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH, HEIGHT = 420, 240


def _spec(title: str, layers: list[dict[str, Any]], height: int = HEIGHT) -> dict[str, Any]:
    return {"$schema": SCHEMA, "title": title, "width": WIDTH, "height": height, "layer": layers}


def _series(rows: Rows, key: str) -> list[Any]:
    return [row["state"].get(key) for row in rows]


def drawing(rows: Rows, title: str, caption: str) -> Chart | None:
    """Return the picture of an episode for the kinds of task that have one, else None."""
    state = rows[0]["state"]
    if "task_state__position" in state and "task_state__targets" in state:
        goal = state.get("user_state__goal")
        if isinstance(state["task_state__position"], list):
            path = _series(rows, "task_state__position")
            return _plane(path, state["task_state__targets"], goal, title, caption, unit="cell")
        return _line(rows, goal, title, caption)
    if "task_state__fixation" in state and len(state["task_state__target"]) == 2:
        path = _series(rows, "task_state__fixation")
        return _plane(path, [], state["task_state__target"], title, caption)
    return None


def _line(rows: Rows, goal: Any, title: str, caption: str) -> Chart:
    """Draw the cursor of a line of cells, turn after turn, among the targets."""
    moves = [
        {"turn": turn, "cell": row["state"]["task_state__position"], "what": "cursor"}
        for turn, row in enumerate(rows)
    ]
    last = len(rows) - 1
    wish = [{"turn": turn, "cell": goal, "what": "goal"} for turn in (0, last)]
    names = {-1: "user: down", 0: "user: stay", 1: "user: up"}
    acts = [
        {
            "turn": turn,
            "cell": row["state"]["task_state__position"],
            "user": names.get(row["state"].get("user_action__action"), "user: other"),
        }
        for turn, row in enumerate(rows)
        if row["event"] == "after_user_action"
    ]
    x = {"field": "turn", "type": "quantitative", "title": "turn", "axis": {"tickMinStep": 1}}
    y = {"field": "cell", "type": "quantitative", "title": "cell"}
    targets = [{"cell": cell} for cell in rows[0]["state"]["task_state__targets"]]
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": targets},
            "mark": {"type": "rule", "strokeDash": [2, 4], "opacity": 0.6},
            "encoding": {"y": y},
        },
        {
            "data": {"values": [*moves, *(wish if goal is not None else [])]},
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "what", "type": "nominal", "title": None},
            },
        },
        {
            "data": {"values": acts},
            "mark": {"type": "point", "filled": True, "size": 90},
            "encoding": {
                "x": x,
                "y": y,
                "shape": {
                    "field": "user",
                    "type": "nominal",
                    "title": None,
                    "scale": {
                        "domain": ["user: up", "user: down", "user: stay"],
                        "range": ["triangle-up", "triangle-down", "circle"],
                    },
                },
            },
        },
    ]
    return Chart(_spec(title, layers), f"{caption} Dashed lines are the targets.")


def _plane(
    path: list[Any],
    others: list[Any],
    goal: Any,
    title: str,
    caption: str,
    *,
    unit: str = "",
) -> Chart:
    """Draw a way through the plane: where it led, the other targets, and the goal."""
    x, y = (
        {
            "field": name,
            "type": "quantitative",
            "title": f"{name} [{unit}]" if unit else name,
            "scale": {"zero": False, "padding": 12},
        }
        for name in ("x", "y")
    )
    steps = [
        {"x": point[0], "y": point[1], "step": step}
        for step, point in enumerate(path)
        if step == 0 or point != path[step - 1]
    ]
    marks = [{"x": point[0], "y": point[1], "what": "target"} for point in others if point != goal]
    if goal is not None:
        marks.append({"x": goal[0], "y": goal[1], "what": "goal"})
    marks.append({"x": steps[0]["x"], "y": steps[0]["y"], "what": "start"})
    layers = [
        {
            "data": {"values": steps},
            "mark": {"type": "line", "point": {"size": 30}, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "order": {"field": "step", "type": "quantitative"}},
        },
        {
            "data": {"values": marks},
            "mark": {"type": "point", "size": 140, "strokeWidth": 2.5},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "what", "type": "nominal", "title": None},
                "shape": {"field": "what", "type": "nominal", "title": None},
            },
        },
    ]
    return Chart(_spec(title, layers, WIDTH * 2 // 3), caption)


def numbers(rows: Rows, title: str, caption: str) -> Chart | None:
    """Draw the entries of the state that are one number or a short vector, turn after turn."""
    points = list(_numbers(rows))
    if not points:
        return None
    return charts.line(points, "turn", "value", color="entry", title=title, caption=caption)


def _numbers(rows: Rows) -> Iterator[dict[str, Any]]:
    for turn, row in enumerate(rows):
        for key, value in row["state"].items():
            if key.startswith("game_info") or "belief" in key:
                continue
            values = value if isinstance(value, list) else [value]
            if not 1 <= len(values) <= 4 or any(
                isinstance(item, list) or item is None for item in values
            ):
                continue
            for i, item in enumerate(values):
                name = short_name(key) + (f" {i}" if len(values) > 1 else "")
                yield {"turn": turn, "entry": name, "value": item}


def short_name(key: str) -> str:
    """Return what people call an entry: `position`, `user goal`, `assistant action`."""
    name = key.replace("_action__action", " action").replace("task_state__", "")
    return name.replace("_state__", " ").replace("__", " ").replace("_", " ")


def beliefs(rows: Rows, title: str) -> Iterator[Chart]:
    """Draw what each agent believes, turn after turn; targets on a line are named by their cells."""
    for key, first in rows[0]["state"].items():
        if not key.endswith("beliefs") or not isinstance(first, list):
            continue
        targets = rows[0]["state"].get("task_state__targets")
        named = isinstance(targets, list) and len(targets) == len(first)
        labels: list[Any] = targets if named and targets is not None else list(range(len(first)))
        name = "target" if named else "hypothesis"
        cells = [
            {"turn": turn, name: str(labels[i]), "belief": round(p, 2)}
            for turn, row in enumerate(rows)
            for i, p in enumerate(row["state"][key] or [])
        ]
        about = "which target the user wants" if named else "each hypothesis about the user"
        yield charts.heatmap(
            cells,
            "turn",
            name,
            "belief",
            title=title,
            caption=f"How probable the assistant holds {about}, after every turn.",
        )


def rounds_chart(counts: Sequence[tuple[str, int]], title: str, caption: str) -> Chart:
    """Draw the share of episodes in every group of round numbers, with 95 % intervals.

    Args:
        counts: Names of the groups and how many episodes each has.
        title: The title.
        caption: What it shows.
    """
    total = sum(count for _, count in counts)
    values = []
    for name, count in counts:
        share = share_interval(count, total)
        values.append(
            {"rounds": name, "share": share.estimate, "low": share.low, "high": share.high}
        )
    x = {
        "field": "rounds",
        "type": "nominal",
        "sort": None,
        "title": "rounds",
        "axis": {"labelAngle": 0, "labelOverlap": True},
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "title": "share of episodes",
        "axis": {"format": "%"},
    }
    rule = {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    layers = [
        {"mark": {"type": "bar", "opacity": 0.75}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": rule},
    ]
    return Chart({**_spec(title, layers), "data": {"values": values}}, caption)
