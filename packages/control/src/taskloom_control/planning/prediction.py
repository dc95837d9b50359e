"""The state at a moment after its estimate: the planning model rolled forward under the commands that act meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.mjcf.physics import Snapshot, apply_snapshot, take_snapshot
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from jaxtyping import Float

# Clocks are sums of steps in floating point.
_ROUNDING = 1e-9
# Commands that are remembered; at 100 a second they reach back for ten seconds.
_MEMORY = 1000


class Commands:
    """Commands by the time from which each was in force: what acted at any moment of the last while."""

    def __init__(self) -> None:
        self._given: deque[tuple[float, Callable[[float], np.ndarray]]] = deque(maxlen=_MEMORY)

    def give(self, moment: float, plan: Callable[[float], np.ndarray]) -> None:
        """Put a plan in force from a moment on [s]."""
        self._given.append((moment, plan))

    def __call__(self, moment: float) -> Float[np.ndarray, " nu"] | None:
        """Return the controls that acted at a moment [s]; None before the first command."""
        for since, plan in reversed(self._given):
            if since <= moment + _ROUNDING:
                return np.asarray(plan(moment))
        return None


class StatePredictor:
    """Rolls a state forward on the planning model.

    Args:
        task: The controller's copy of the task.
    """

    def __init__(self, task: ControlTask[Any]) -> None:
        self._task, self._model = task, task.model
        self._data = mujoco.MjData(task.model)

    def __call__(
        self, snapshot: Snapshot, commands: Callable[[float], np.ndarray | None], until: float
    ) -> Snapshot:
        """Return the state after the whole steps that bring it nearest to a moment.

        With the plant's own model, steps and commands it is the plant's state to the bit, as long as nothing pushes the plant
        and the task moves nothing by itself.

        Args:
            snapshot: The state, in the planning model's layout; forces from outside go on acting.
            commands: Controls of the task by time; None keeps those of the state.
            until: The moment [s].
        """
        dt = float(self._model.opt.timestep)
        count = round((until - snapshot.time) / dt)
        if count <= 0:
            return snapshot
        model, data = self._model, self._data
        # The whole integration state, warm start included, or the last bits would differ from the plant's.
        apply_snapshot(snapshot, model, data)
        for _ in range(count):
            control = commands(float(data.time))
            if control is not None:
                data.ctrl[:] = self._task.task_to_sim_ctrl(control)
            mujoco.mj_step(model, data)
        return take_snapshot(model, data)
