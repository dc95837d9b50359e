"""Hinge."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit
from taskloom_control import Array, ControlConfig, ControlTask, Metadata


class HingeConfig(ControlConfig):
    """Parameters of the reward; optimizer, controller and engine are chosen beside them."""

    target: Annotated[float, Field(ge=-3, le=3), Unit("rad")] = 1.0
    """Angle at which the rod shall stand; 0 hangs."""
    w_velocity: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the squared angular velocity."""


class Hinge(ControlTask[HingeConfig]):
    """A rod on a hinge: reward = -sum over the steps of (angle - target)^2 + w_velocity velocity^2."""

    model_path = Path(__file__).with_name("hinge.xml")

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: HingeConfig,
        system_metadata: Metadata | None = None,
    ) -> Array:
        """Return the reward of every rollout, shape (R,); `states` has shape (R, T, 2): angle and velocity."""
        angle, velocity = states[..., 0], states[..., 1]
        cost = (angle - config.target) ** 2 + config.w_velocity * velocity**2
        return -cost.sum(axis=-1)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin hanging, nearly at rest."""
        self.data.qpos[0] = rng.uniform(-0.1, 0.1)

    def success(self) -> bool:
        """Within 0.1 rad of the target."""
        return abs(float(self.data.qpos[0]) - self.config.target) < 0.1
