"""Rollouts of a task's own dynamics in NumPy: a loop over the steps, all rollouts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from taskloom import Config

from taskloom_control.engines.base import Engine, Rollouts
from taskloom_control.errors import PlanError

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.mjcf.physics import Snapshot
    from taskloom_control.task import ControlTask


@runtime_checkable
class HasDynamics(Protocol):
    """A task that can be planned for without MuJoCo."""

    def dynamics(self, states: np.ndarray, controls: np.ndarray, config: Config, /) -> np.ndarray:
        """Return the positions and velocities one step later, shape (R, nq + nv)."""
        ...


# Dynamics of a task's own are given positions, velocities and controls, and nothing else of the state.
_HONOURED = ("time", "qpos", "qvel", "warmstart", "ctrl", "userdata")


class NumpyDynamics(Engine):
    """The task's own dynamics in NumPy.

    It needs a task that defines `dynamics`, and steps all rollouts at once.
    """

    uses_config: ClassVar[bool] = True
    kind: Literal["numpy"] = "numpy"

    def build(self, task: ControlTask[Any], config: Config) -> ArrayEngine:
        """Return the NumPy engine."""
        return ArrayEngine(task, config)


class ArrayEngine:
    """Rollouts of `task.dynamics`; there are no sensors.

    Args:
        task: A task with dynamics of its own.
        config: The config that they are given.

    Raises:
        PlanError: The task defines no dynamics.
    """

    has_sensors: ClassVar[bool] = False

    def __init__(self, task: ControlTask[Any], config: Config) -> None:
        if not isinstance(task, HasDynamics):
            raise PlanError(
                f"The engine 'numpy' needs a task that defines dynamics(states, controls, config); {type(task).__name__} does "
                "not. Use the engine 'threads'."
            )
        self._task: HasDynamics = task
        self._model = task.model
        from taskloom_control.engines import parts  # heavy: mujoco

        self._refuse = parts.refuse_unused
        self._config = config
        self._sizes = (task.model.nq + task.model.nv, task.model.nsensordata, task.model.nu)
        self._controls = np.zeros((0, 0, 0))

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the array to write controls into."""
        shape = (num_rollouts, num_steps, self._sizes[2])
        # Allocated once per shape: fresh pages cost more than the arithmetic of small systems.
        if self._controls.shape != shape:
            self._controls = np.zeros(shape)
            self._states = np.empty((*shape[:2], self._sizes[0]))
            self._sensors = np.zeros((*shape[:2], self._sizes[1]))
        return self._controls

    # One loop over the steps, and none over the rollouts: NumPy's overhead is paid once per step.
    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        self._refuse(self._model, snapshot, "numpy", _HONOURED)
        self.buffer(controls.shape[0], controls.shape[1])
        # The state is carried apart from the buffer: dynamics may hand back views of what they are given.
        state = np.tile(snapshot.state, (controls.shape[0], 1))
        for step in range(controls.shape[1]):
            state = self._task.dynamics(state, controls[:, step], self._config)
            self._states[:, step] = state
        # A bad number spreads from step to step, so the last state tells of all.
        alive = np.asarray(np.isfinite(state).all(axis=-1))
        return Rollouts(self._states, self._sensors, alive)

    def close(self) -> None:
        """Do nothing: nothing is held."""
