"""The control that the first plan begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.planning.holding import holding_control
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from taskloom_control.mjcf.physics import Snapshot


def first_control(
    task: ControlTask[Any], low: np.ndarray, high: np.ndarray, snapshot: Snapshot
) -> np.ndarray:
    """Return the control that the first plan begins with, inside of the control range, shape (nu,).

    A task that does not say holds the system against gravity where it stands.

    Args:
        task: The controller's copy of the task.
        low: Lower bounds of the controls.
        high: Upper bounds of the controls.
        snapshot: The state that the plan begins in.

    Raises:
        PlanError: The task gives as many numbers as the model has no controls.
    """
    silent = type(task).optimizer_warm_start is ControlTask.optimizer_warm_start
    # A task with controls of its own knows alone what they do.
    if silent and low.size == task.model.nu:
        return holding_control(task.model, snapshot, low, high)
    given = np.asarray(task.optimizer_warm_start(), dtype=float)
    if given.shape not in ((), (1,), low.shape):
        raise PlanError(
            f"optimizer_warm_start() of {type(task).__name__} has the shape {given.shape}; the model has nu = {low.size}, "
            f"which needs the shape {low.shape}."
        )
    return np.asarray(np.clip(np.broadcast_to(given, low.shape), low, high))
