"""Rollouts of a task's own dynamics in NumPy: a loop over the steps, all rollouts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from taskloom_control.engines.base import Rollouts
from taskloom_control.errors import PlanError
from taskloom_control.mjcf.physics import Snapshot

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


@runtime_checkable
class HasDynamics(Protocol):
    """A task that can be planned for without MuJoCo."""

    def dynamics(
        self, states: np.ndarray, controls: np.ndarray, config: ControlConfig, /
    ) -> np.ndarray:
        """Return the positions and velocities one step later, shape (R, nq + nv)."""
        ...


class ArrayEngine:
    """Rollouts of `task.dynamics`; there are no sensors.

    Args:
        task: A task with dynamics of its own.

    Raises:
        PlanError: The task defines no dynamics.
    """

    def __init__(self, task: ControlTask[Any]) -> None:
        if not isinstance(task, HasDynamics):
            raise PlanError(
                f"The engine 'numpy' needs a task that defines dynamics(states, controls, config); {type(task).__name__} does "
                "not. Use the engine 'threads'."
            )
        self._task: HasDynamics = task
        self._config = task.config
        self._sizes = (task.model.nq + task.model.nv, task.model.nsensordata, task.model.nu)
        self._controls = np.zeros((0, 0, 0))

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the array to write controls into."""
        shape = (num_rollouts, num_steps, self._sizes[2])
        if self._controls.shape != shape:
            self._controls = np.zeros(shape)
            self._states = np.empty((*shape[:2], self._sizes[0]))
            self._sensors = np.zeros((*shape[:2], self._sizes[1]))
        return self._controls

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        self.buffer(controls.shape[0], controls.shape[1])
        state = np.tile(snapshot.state, (controls.shape[0], 1))
        for step in range(controls.shape[1]):
            state = self._task.dynamics(state, controls[:, step], self._config)
            self._states[:, step] = state
        alive = np.asarray(np.isfinite(state).all(axis=-1))
        return Rollouts(self._states, self._sensors, alive)

    def close(self) -> None:
        """Nothing is held."""
