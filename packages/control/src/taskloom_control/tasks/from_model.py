"""A task without a class: a model and a cost function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from taskloom_control.config import ControlConfig
from taskloom_control.task import Array, Metadata, StagedTask

Cost: TypeAlias = Callable[[Array, Array, Array], Array]
"""A function of states (R, T, nq + nv), sensors (R, T, ns) and controls (R, T, nu); it gives the cost of each step, (R, T)."""


class FunctionTask(StagedTask[ControlConfig]):
    """A model with a cost function of one's own.

    Args:
        config: The solver.
        model_path: The MJCF file.
        cost: The cost of each step.
    """

    def __init__(self, config: ControlConfig, model_path: Path | str, cost: Cost) -> None:
        super().__init__(config)
        self.model_path, self._cost = model_path, cost

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ControlConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the one term of the cost per step."""
        return {"cost": self._cost(states, sensors, controls)}


def task_from(model_path: Path | str, cost: Cost, **config: object) -> FunctionTask:
    """Return a task of a model file and a cost function, for a `Controller`, a `Simulation` or a `ControlEnv`.

    Args:
        model_path: The MJCF file.
        cost: The cost of each step, a function of states, sensors and controls.
        **config: Fields of `ControlConfig`.

    Example:
        >>> task = task_from("arm.xml", lambda states, sensors, controls: (states**2).sum(-1))
        >>> task.config.seconds
        10.0
    """
    return FunctionTask(ControlConfig.model_validate(config), model_path, cost)
