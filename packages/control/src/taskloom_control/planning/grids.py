"""The knots that a config plans with, and what an optimizer needs of the controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.mjcf import names
from taskloom_control.optimizers.base import SamplingOptimizer
from taskloom_control.planning.problem import check_sizes
from taskloom_control.planning.splines import MIN_KNOTS, KnotGrid, num_steps
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from taskloom_control.config import ControlConfig


def make_grid(task: ControlTask[Any], config: ControlConfig) -> KnotGrid:
    """Return the knots that a config plans with.

    Raises:
        PlanError: The horizon is shorter than a step, or there are too few knots for the spline.
    """
    settings, dt = config.controller, task.dt
    if isinstance(config.optimizer, SamplingOptimizer):
        grid = KnotGrid(settings.spline, config.optimizer.num_nodes, settings.horizon, dt)
        check_sizes(grid, MIN_KNOTS[settings.spline])
        return grid
    check_sizes(KnotGrid("zero", 1, settings.horizon, dt), 1)
    steps = num_steps(settings.horizon, dt)
    # One knot per step, held: a trajectory optimizer chooses every control itself.
    return KnotGrid("zero", steps, steps * dt, dt)


def require_ranges(
    task: ControlTask[Any], config: ControlConfig, low: np.ndarray, high: np.ndarray
) -> None:
    """Refuse an actuator without a range where the optimizer draws over the range."""
    optimizer = config.optimizer
    if not (isinstance(optimizer, SamplingOptimizer) and optimizer.needs_range):
        return
    free = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))
    if free.size:
        name = names.name_of(task.model, "actuator", int(free[0])) or str(int(free[0]))
        raise PlanError(
            f"Actuator '{name}' has no control range; set ctrlrange or choose another optimizer."
        )
