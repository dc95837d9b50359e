"""Constraints of a task on states, sensors and controls, as arrays: g <= 0 is feasible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import RewardError
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom import Config

    from taskloom_control.task import Array, Metadata


def is_constrained(task: ControlTask[Any]) -> bool:
    """Return whether a task has constraints of its own."""
    return type(task).constraints is not ControlTask.constraints


def constraint_values(
    task: ControlTask[Any],
    rollouts: tuple[Array, Array, Array],
    config: Config,
    metadata: Metadata,
) -> Float[np.ndarray, "R T c"]:
    """Return the values of all constraints of every step, in the order in which the task names them.

    Args:
        task: A task with constraints.
        rollouts: States, sensors and controls of R rollouts of T steps.
        config: The config that they are given.
        metadata: What the simulation's copy passed on.

    Raises:
        RewardError: A constraint has another shape than (R, T).
    """
    made = task.constraints(*rollouts, config, metadata)
    shape = rollouts[2].shape[:2]
    for name, value in made.items():
        if np.shape(value) != shape:
            raise RewardError(
                f"The constraint '{name}' of {type(task).__name__} has shape {np.shape(value)}; {shape[0]} rollouts of {shape[1]} "
                f"steps need the shape {tuple(shape)}."
            )
    values = [np.asarray(value, dtype=float) for value in made.values()]
    return np.stack(values, axis=-1) if values else np.zeros((*shape, 0))
