"""Push a cylinder to a goal with another cylinder.

The system and the cost are those of judo's cylinder_push, in an MJCF of our own. Where the pushed cylinder is on the goal the
direction to the goal does not exist; here it is zero there, not a division by zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import TINY, Weight, half_square

Coordinate = Annotated[float, Field(ge=-1, le=1), Unit("m")]


class CylinderPushConfig(ControlConfig):
    """The cost of pushing the cylinder."""

    w_pusher_proximity: Weight = 0.5
    """Weight of the pusher's distance from the place behind the cylinder."""
    w_pusher_velocity: Weight = 0.0
    """Weight of the pusher's squared velocity."""
    w_cart_position: Weight = 0.1
    """Weight of the cylinder's distance from the goal."""
    pusher_goal_offset: Annotated[float, Field(ge=0), Unit("m")] = 0.25
    """Distance behind the cylinder, seen from the goal, that the pusher should keep."""
    goal_x: Coordinate = 0.0
    """Goal, first coordinate."""
    goal_y: Coordinate = 0.0
    """Goal, second coordinate."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4)
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(
        num_rollouts=80, num_nodes=3, sigma=0.8, finest=1 / 8, ess=6.0, keep=4
    )
    """Optimizer of the plan."""


class CylinderPush(StagedTask[CylinderPushConfig]):
    """Push a cylinder to a goal; the controls are the positions that springs pull the pusher to."""

    model_path = model_path("cylinder_push")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: CylinderPushConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        # By coordinates: NumPy is three times slower on a last axis of length two, and a plan takes four milliseconds.
        cart_x, cart_y = states[..., 2], states[..., 3]
        goal_x, goal_y = config.goal_x - cart_x, config.goal_y - cart_y
        square = goal_x * goal_x + goal_y * goal_y
        pull = config.pusher_goal_offset / (square + TINY * TINY) ** 0.5
        gap_x, gap_y = (
            states[..., 0] - cart_x + pull * goal_x,
            states[..., 1] - cart_y + pull * goal_y,
        )
        gap = gap_x * gap_x + gap_y * gap_y
        terms = {
            "pusher_proximity": (0.5 * config.w_pusher_proximity) * gap,
            "cart_position": (0.5 * config.w_cart_position) * square,
        }
        if config.w_pusher_velocity:
            terms["pusher_velocity"] = config.w_pusher_velocity * half_square(states[..., 4:6])
        return terms

    def reset(self, rng: np.random.Generator) -> None:
        """Begin with the pusher one metre and the cylinder two metres from the middle, in random directions."""
        first, second = 2 * math.pi * rng.random(2)
        self.view.qpos = (
            math.cos(first),
            math.sin(first),
            2 * math.cos(second),
            2 * math.sin(second),
        )

    def success(self) -> bool:
        """The cylinder is within 0.1 m of the goal; judo asks for 0.3 m."""
        goal = (self.config.goal_x, self.config.goal_y)
        return math.dist(self.view.qpos[2:4], goal) < 0.1
