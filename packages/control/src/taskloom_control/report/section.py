"""The control domain's section of a report: what happened, what it cost, how the search went, how long plans took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from taskloom.arrays import load_npz
from taskloom.report import charts
from taskloom.report.model import Block, Chart, Facts, Fold, Image, Table, Text
from taskloom.runs.run import Run

from taskloom_control.report.candidate_traces import fan_chart
from taskloom_control.report.terms import cost_blocks
from taskloom_control.report.timing import planning_chart

_MOST_POINTS = 400
_MOST_LINES = 8
_LONG_LABEL = 14


def report(run: Run) -> list[Block]:
    """Return the blocks of one run.

    Args:
        run: A finished or stopped run of a control task.
    """
    path = run.artifacts.get("trajectory")
    if path is None or not path.is_file():
        return [Text("This run left no trajectory.")]
    arrays = load_npz(path)
    columns = _columns(run)
    traces = _traces(arrays, columns)
    table, histogram, search = _planning(arrays, run.config)
    points = columns.get("trace", [])
    animation = run.artifacts.get("animation")
    rest = run.artifacts.get("baseline")
    has_rest = rest is not None and rest.is_file()
    evidence: list[Block | None] = [
        _cost(arrays, load_npz(rest) if has_rest and rest is not None else {}),
        Image(animation, "The closed loop in real time.", width=400)
        if animation is not None and animation.is_file()
        else None,
        traces.get("qpos"),
        traces.get("control"),
        fan_chart(arrays, f"the point '{points[-1]}'" if points else "the last traced point"),
        histogram,
    ]
    blocks = [block for block in evidence if block is not None]
    blocks += [Facts([("simulated", _simulated(run, arrays), False)])]
    blocks += [Fold("Closed loop"), _outcome(run), *([traces["qvel"]] if "qvel" in traces else [])]
    blocks += cost_blocks(arrays)
    return [*blocks, Fold("Planning"), table, *([] if search is None else [search])]


def _simulated(run: Run, arrays: Mapping[str, np.ndarray]) -> str:
    control = arrays.get("control")
    count = control.shape[1] if control is not None and control.ndim == 2 else 0
    plans = len(arrays.get("plan_seconds", ()))
    return f"{run.metrics.get('seconds', 0):.3g} s, {count} control{'s' * (count != 1)}, {plans:,} plans"


def _cost(arrays: Mapping[str, np.ndarray], rest: Mapping[str, np.ndarray]) -> Block | None:
    """Return the cost of each simulated step, beside the same start with the controls at rest."""
    reward = arrays.get("reward")
    if reward is None or not reward.size:
        return None
    series = {"this run": (arrays["time"][1:], -reward)}
    if "cost" in rest and rest["cost"].size:
        series["at rest"] = (rest["time"], rest["cost"])
    rows = [
        {"time": float(times[i]), "cost": float(costs[i]), "which": name}
        for name, (times, costs) in series.items()
        for i in _thinned(min(len(times), len(costs)))
    ]
    words = "Cost of each simulated step"
    beside = (
        ", planned and from the same start with the controls at rest." if len(series) > 1 else "."
    )
    chart = charts.line(
        rows,
        "time",
        "cost",
        color="which",
        title="Cost over time",
        x_title="time [s]",
        caption=words + beside,
    )
    return _with_legend(chart, {"title": None})


def _outcome(run: Run) -> Table:
    """Return the table of the outcome: solved or not, when, and at what cost."""
    words = {
        "success": "solved",
        "held": "held through the final window",
        "settling_time": "settled after [s]",
        "cost": "mean cost per step",
        "cost_final": "mean cost per step in the final window",
        "seconds": "simulated time [s]",
        "unstable": "physics became unstable",
    }
    rows: list[list[str | float | bool]] = []
    for name, word in words.items():
        if name in run.metrics:
            value = run.metrics[name]
            yes_no = name in ("success", "held", "unstable")
            rows.append([word, ("yes" if value else "no") if yes_no else value])
    if "settling_time" not in run.metrics:
        rows.append(["settled after [s]", "not settled at the end"])
    known = {*words, "plans", "rollouts", "diverged", "ess", "clipped"}
    rows += [[name, value] for name, value in run.metrics.items() if name not in known]
    return Table(["what", "value"], rows, "The outcome of the episode.")


def _columns(run: Run) -> dict[str, list[str]]:
    """Return what the columns of the recorded arrays are called; nothing where a run does not say."""
    path = run.artifacts.get("hash")
    if path is None or not path.is_file():
        return {}
    try:
        columns = json.loads(run.read("hash"))["columns"]
        return {name: [str(word) for word in words] for name, words in columns.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _thinned(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(int))


def _rows(times: np.ndarray, values: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows of the first few columns of an array over time."""
    chosen = _thinned(len(values))
    return [
        {"time": float(times[i]), "value": float(values[i, column]), "which": labels[column]}
        for column in range(min(values.shape[1], _MOST_LINES))
        for i in chosen
    ]


def _with_legend(chart: Chart, legend: Mapping[str, Any]) -> Chart:
    encoding = dict(chart.spec["encoding"])
    encoding["color"] = {**encoding["color"], "legend": legend}
    return Chart({**chart.spec, "encoding": encoding}, chart.caption)


def _traces(arrays: Mapping[str, np.ndarray], columns: Mapping[str, list[str]]) -> dict[str, Block]:
    """Return the charts over time by the name of what they show."""
    times = arrays["time"]
    blocks: dict[str, Block] = {}
    for name, title in (("qpos", "Positions"), ("qvel", "Velocities"), ("control", "Controls")):
        values = arrays.get(name)
        if values is None or not values.size:
            continue
        shown = min(values.shape[1], _MOST_LINES)
        caption = f"{title} over simulated time."
        if shown < values.shape[1]:
            caption = f"The first {shown} of {values.shape[1]} {title.lower()} over simulated time."
        labels = columns.get(name, [])
        if len(labels) != values.shape[1]:
            labels = [f"{name}[{i}]" for i in range(values.shape[1])]
        rows = _rows(times, values, labels)
        chart = charts.line(
            rows, "time", "value", color="which", title=title, x_title="time [s]", caption=caption
        )
        longest = max(len(label) for label in labels[:_MOST_LINES])
        legend = {"title": None, "columns": 2 if longest > _LONG_LABEL else 4}
        blocks[name] = _with_legend(chart, legend)
    return blocks


def _planning(
    arrays: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> tuple[Block, Block | None, Block | None]:
    """Return the numbers of the search, the planning times, and the course of the search."""
    seconds = arrays.get("plan_seconds")
    if seconds is None or not seconds.size:
        return Text("No plan was made."), None, None
    period = 1000.0 / float(config["controller"]["control_freq"])
    milliseconds = 1000.0 * seconds
    late = float(np.mean(milliseconds > period))
    table = Table(
        ["what", "value"],
        [
            ["plans", len(seconds)],
            ["control period [ms]", period],
            ["planning time, median [ms]", float(np.median(milliseconds))],
            ["planning time, 95th percentile [ms]", float(np.percentile(milliseconds, 95))],
            ["planning time, longest [ms]", float(milliseconds.max())],
            ["plans that took longer than the control period", f"{100 * late:.1f} %"],
            ["rollouts that diverged", float(arrays["plan_diverged"].sum())],
            ["knots outside of the control range", f"{100 * arrays['plan_clipped'].mean():.1f} %"],
            ["effective sample size, mean", float(arrays["plan_ess"].mean())],
            ["spread of the candidates that counted, mean", float(arrays["plan_spread"].mean())],
        ],
        "How the search went. The simulation waits for the plan, so a late plan costs nothing here.",
    )
    histogram = planning_chart(milliseconds, period)
    search = [
        {"time": float(t), "value": float(v), "which": word}
        for key, word in (("plan_ess", "effective sample"), ("plan_diverged", "diverged"))
        for t, v in zip(arrays["plan_time"], arrays[key], strict=True)
    ]
    caption = "How many rollouts each plan was made of (the effective sample size of its weights), and how many met a bad number."
    diagnosis = charts.line(
        search,
        "time",
        "value",
        color="which",
        title="Search",
        x_title="time [s]",
        y_title="rollouts",
        caption=caption,
    )
    return table, histogram, _with_legend(diagnosis, {"title": None, "labelLimit": 300})
