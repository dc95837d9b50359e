"""Plants that the planner is not told of: simulated models drawn around a task's own, one for each seed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom import derive_seed

from taskloom_control.closed_loop.models import given_models
from taskloom_control.planning.models import drawn_model

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


def told(level: float) -> str:
    """Return the words that a measurement on drawn plants begins with."""
    return f"each seed has a plant of its own, drawn at level {level:g}"


def on_drawn_plants(
    task: BoundTask[ControlTask[Any], ControlConfig], level: float
) -> BoundTask[ControlTask[Any], ControlConfig]:
    """Return a task that is simulated on the plant of its config's seed, and planned for as before.

    The stream is one of its own: no plan draws the plant that it meets.

    Args:
        task: The task.
        level: Scale of the randomization; at 0 the plant is the task's own.

    Raises:
        ModelError: A plant does not compile, or is laid out otherwise.
    """
    factory = task.factory

    def made(config: ControlConfig) -> ControlTask[Any]:
        copy = factory(config)
        rng = np.random.default_rng(derive_seed(config.seed, "plant"))
        return given_models(copy, (copy.model, drawn_model(copy, rng, level, simulated=True)))

    return replace(task, factory=made, task=made(task.config))
