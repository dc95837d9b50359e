"""Single moments of an episode, for the viewer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from taskloom.arrays import load_npz
from taskloom.report.samples import SampleTable

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_MOST_CONTROLS = 8


def samples(run: Run) -> SampleTable:
    """Return time, cost, success and controls of each simulated step.

    Args:
        run: The run.
    """
    if "trajectory" not in run.artifacts:
        return SampleTable("moment")
    arrays = load_npz(io.BytesIO(run.read("trajectory")))
    reward = arrays.get("reward")
    if reward is None:
        return SampleTable("moment")
    count = reward.size
    columns = {"time [s]": arrays["time"][1 : count + 1].tolist(), "cost": (-reward).tolist()}
    if "success" in arrays and arrays["success"].shape == (count,):
        columns["success"] = arrays["success"].astype(bool).tolist()
    control = arrays.get("control")
    if control is not None and control.ndim == 2 and len(control) >= count:
        for number in range(min(control.shape[1], _MOST_CONTROLS)):
            columns[f"control {number}"] = control[:count, number].tolist()
    return SampleTable("moment", columns)
