"""Leave a U-shaped trap: the straight way to the goal ends at a wall."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Scale, Weight, half_square, length, smooth_absolute

GOAL = (0.9, 0.0)
# The U is open to the left: its bottom stands at x = 0.4 and its arms reach from x = -0.5 to 0.4 at y = -0.4 and 0.4.
ARM_START, BOTTOM, ARM = -0.65, 0.55, 0.55


def way_to_goal(place: Array) -> Array:
    """Return the length of the way from places in the plane to the goal, around the wall.

    Three legs: out of the U to the end of the nearer arm, along the arm to the corner behind it, and on to the goal. A place
    that has a leg behind it does not pay for it.

    Args:
        place: Coordinates, shape (..., 2).
    """
    xp = place.__array_namespace__()
    x, y = place[..., 0], abs(place[..., 1])
    goal = length(place - xp.asarray(GOAL))
    corner = ((x - BOTTOM) ** 2 + (y - ARM) ** 2) ** 0.5 + math.hypot(GOAL[0] - BOTTOM, ARM)
    end = ((x - ARM_START) ** 2 + (y - ARM) ** 2) ** 0.5 + (BOTTOM - ARM_START)
    end = end + math.hypot(GOAL[0] - BOTTOM, ARM)
    inside = (y < 0.5) & (x < 0.5)
    behind = x >= 0.5
    return xp.where(behind, goal, xp.where(inside, end, corner))


class UMazeConfig(ControlConfig):
    """The cost of the maze."""

    w_distance: Weight = 1.0
    """Weight of the length of the way to the goal."""
    w_velocity: Weight = 0.02
    """Weight of the squared velocity."""
    w_control: Weight = 0.005
    """Weight of the squared forces."""
    p_distance: Scale = 0.05
    """Point at which the cost of the way turns from quadratic to linear."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling(num_rollouts=64, sigma=2.0)
    """Optimizer of the plan."""


class UMaze(StagedTask[UMazeConfig]):
    """Steer a disc around a U-shaped wall; the controls are two forces."""

    model_path = model_path("u_maze")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: UMazeConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        way = way_to_goal(states[..., 0:2])
        return {
            "distance": config.w_distance * smooth_absolute(way, config.p_distance),
            "velocity": config.w_velocity * half_square(states[..., 2:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin somewhere inside the U."""
        self.view.qpos = rng.uniform(-0.3, 0.15), rng.uniform(-0.25, 0.25)

    def success(self) -> bool:
        """Within a tenth of a metre of the goal."""
        return math.dist(self.view.qpos, GOAL) < 0.1
