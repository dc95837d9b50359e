"""The control that the first plan begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import PlanError

if TYPE_CHECKING:
    from taskloom_control.task import ControlTask


def first_control(task: ControlTask[Any], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the control that the first plan begins with, inside of the control range, shape (nu,).

    Raises:
        PlanError: The task gives as many numbers as the model has no controls.
    """
    given = np.asarray(task.optimizer_warm_start(), dtype=float)
    if given.shape not in ((), (1,), low.shape):
        raise PlanError(
            f"optimizer_warm_start() of {type(task).__name__} has the shape {given.shape}; the model has nu = {low.size}, "
            f"which needs the shape {low.shape}."
        )
    return np.asarray(np.clip(np.broadcast_to(given, low.shape), low, high))
