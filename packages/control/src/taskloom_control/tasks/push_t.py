"""Push a T-shaped block to a pose with a round pusher."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig, Seconds
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.cem import CEM
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Scale, Weight, half_square, length, smooth_absolute


class PushTConfig(ControlConfig):
    """The cost of pushing the block."""

    w_position: Weight = 10.0
    """Weight of the block's distance from the goal."""
    w_angle: Weight = 3.0
    """Weight of the block's angle to the goal."""
    w_pusher: Weight = 0.3
    """Weight of the pusher's distance from the block beyond `near`."""
    near: Annotated[float, Field(ge=0), Unit("m")] = 0.25
    """Distance of the pusher that costs nothing, so that it may go around the block."""
    w_velocity: Weight = 0.01
    """Weight of the squared velocity of the pusher."""
    p_position: Scale = 0.05
    """Point at which the cost of the distance turns from quadratic to linear."""
    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=2.0, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = CEM(num_rollouts=64, num_nodes=9, num_elites=6, sigma_min=0.1)
    """Optimizer of the plan."""


class PushT(StagedTask[PushTConfig]):
    """Push a T to the origin and turn it upright; the controls are positions that pull the pusher."""

    model_path = model_path("push_t")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: PushTConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        pusher, block, angle = states[..., 0:2], states[..., 2:4], states[..., 4]
        gap = length(pusher - block) - config.near
        apart = xp.maximum(gap, xp.zeros_like(gap))
        return {
            "position": config.w_position * smooth_absolute(length(block), config.p_position),
            "angle": config.w_angle * (1.0 - xp.cos(angle)),
            "pusher": config.w_pusher * apart,
            "velocity": config.w_velocity * half_square(states[..., 5:7]),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin with the block turned and displaced, and the pusher beside it."""
        angle = rng.uniform(-math.pi, math.pi)
        block = 0.25 * math.cos(angle), 0.25 * math.sin(angle)
        turn = rng.uniform(-math.pi / 2, math.pi / 2)
        self.view.qpos = (2.2 * block[0], 2.2 * block[1], *block, turn)

    def success(self) -> bool:
        """Within five centimetres and 0.2 rad of the goal."""
        x, y, angle = self.view.qpos[2:5]
        return math.hypot(x, y) < 0.05 and math.cos(angle) > math.cos(0.2)
