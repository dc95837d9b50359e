"""Runs of a control task on shared axes: the cost over time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from taskloom.arrays import load_npz
from taskloom.report import charts
from taskloom.report.model import Block

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_MOST_POINTS = 400


def compare(runs: Mapping[str, Run]) -> list[Block]:
    """Return the cost of each simulated step.

    Args:
        runs: The runs by name.
    """
    rows = []
    for name, run in runs.items():
        if "trajectory" not in run.artifacts:
            continue
        arrays = load_npz(io.BytesIO(run.read("trajectory")))
        reward, time = arrays.get("reward"), arrays.get("time")
        if reward is None or time is None or not reward.size:
            continue
        every = -(-reward.size // _MOST_POINTS)
        rows += [
            {"time": float(time[at + 1]), "cost": float(-reward[at]), " ": name}
            for at in range(0, reward.size, every)
        ]
    if not rows:
        return []
    return [
        charts.line(
            rows,
            "time",
            "cost",
            color=" ",
            title="Cost over time",
            x_title="time [s]",
            caption="Cost of each simulated step.",
        )
    ]
