"""Swing up a two-link arm that is driven at the elbow only, and balance it.

The physics is smooth, so derivatives find the swing and the balance that a few dozen samples miss: the default is iLQR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.ilqr import ILQR
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square


class AcrobotConfig(ControlConfig):
    """The cost of the acrobot."""

    w_height: Weight = 2.0
    """Weight of each link's height below upright."""
    w_velocity: Weight = 0.02
    """Weight of the squared angular velocities."""
    w_control: Weight = 0.002
    """Weight of the squared torque."""
    controller: ControllerConfig = ControllerConfig(horizon=1.5)
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = ILQR()
    """Optimizer of the plan."""


class Acrobot(StagedTask[AcrobotConfig]):
    """Swing up two links; the only control is the torque at the joint between them."""

    model_path = model_path("acrobot")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: AcrobotConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        first = states[..., 0]
        second = first + states[..., 1]
        height = 2.0 - xp.cos(first) - xp.cos(second)
        return {
            "height": config.w_height * height,
            "velocity": config.w_velocity * half_square(states[..., 2:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin hanging, within half a radian."""
        self.view.qpos = (math.pi + rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5))
        self.view.qvel = 0.1 * rng.standard_normal(2)

    def success(self) -> bool:
        """Both links within 0.2 rad of upright, neither faster than a radian a second."""
        first, second = self.view.qpos
        limit = math.cos(0.2)
        upright = math.cos(first) > limit and math.cos(first + second) > limit
        return bool(upright and abs(self.view.qvel).max() < 1.0)
