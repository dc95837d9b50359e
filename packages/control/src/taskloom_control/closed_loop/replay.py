"""Second execution of a finished run, to the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from taskloom import derive_seed
from taskloom.bound import BoundTask

from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.models import given_models, recorded_models, why_models_differ
from taskloom_control.closed_loop.trajectory import is_hashed
from taskloom_control.config import ControlConfig
from taskloom_control.errors import ModelError
from taskloom_control.task import ControlTask


def play_again(
    task: BoundTask[ControlTask[Any], ControlConfig], num_steps: int
) -> dict[str, np.ndarray]:
    """Return the trajectory of a task's closed loop, from its own seed, up to a number of simulated steps."""
    root = task.config.seed
    loop = ClosedLoop(task, derive_seed(root, "plan"), derive_seed(root, "reset"))
    try:
        while not loop.done and loop.step < num_steps:
            loop.advance()
        return loop.arrays()
    finally:
        loop.close()


def on_recorded_models(
    task: BoundTask[ControlTask[Any], ControlConfig], recorded: Path | None
) -> BoundTask[ControlTask[Any], ControlConfig]:
    """Return a task whose copies have the models that a run kept.

    Args:
        task: The task of the run.
        recorded: The file `model.json` of the run; None if it has none.

    Raises:
        ModelError: The run kept no models, or they cannot be read.
    """
    if recorded is None:
        raise ModelError("The run kept no models.")
    models, factory = recorded_models(recorded), task.factory
    return replace(task, factory=lambda config: given_models(factory(config), models))


def changed_model(recorded: Path | None, task: ControlTask[Any]) -> str:
    """Return the sentence on models that are no longer those of a run; empty if they are, or if the run kept none.

    Args:
        recorded: The file `model.json` of the run.
        task: A copy of the task as it is now.

    Raises:
        ModelError: The file cannot be read.
    """
    if recorded is None or not recorded.is_file():
        return ""
    return why_models_differ(recorded, task)


def first_difference(old: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray]) -> str:
    """Return a sentence on the earliest row in which two trajectories differ; empty if there is none."""
    names = sorted(name for name in set(old) & set(new) if is_hashed(name))
    earliest: tuple[int, str] | None = None
    for name in names:
        if old[name].shape != new[name].shape:
            return f"'{name}' has the shape {new[name].shape}, it had {old[name].shape}"
        same = (old[name] == new[name]) | (
            np.isnan(old[name].astype(float)) & np.isnan(new[name].astype(float))
        )
        rows = np.flatnonzero(~same.reshape(len(same), -1).all(axis=1))
        if rows.size and (earliest is None or rows[0] < earliest[0]):
            earliest = (int(rows[0]), name)
    return f"'{earliest[1]}' differs first in row {earliest[0]}" if earliest else ""
