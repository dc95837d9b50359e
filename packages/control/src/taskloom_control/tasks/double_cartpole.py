"""Swing up two poles in a row on a cart and balance them.

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


class DoubleCartpoleConfig(ControlConfig):
    """The cost of the double cart-pole."""

    w_height: Weight = 4.0
    """Weight of each pole's height below upright."""
    w_centered: Weight = 0.5
    """Weight of the cart's squared distance from the middle."""
    w_velocity: Weight = 0.02
    """Weight of the squared velocities."""
    w_control: Weight = 0.001
    """Weight of the squared force."""
    controller: ControllerConfig = ControllerConfig(horizon=1.5)
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = ILQR()
    """Optimizer of the plan."""


class DoubleCartpole(StagedTask[DoubleCartpoleConfig]):
    """Balance two poles in a row; the control is a force on the cart."""

    model_path = model_path("double_cartpole")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: DoubleCartpoleConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        first = states[..., 1]
        second = first + states[..., 2]
        return {
            "height": config.w_height * (2.0 - xp.cos(first) - xp.cos(second)),
            "centered": config.w_centered * half_square(states[..., :1]),
            "velocity": config.w_velocity * half_square(states[..., 3:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin hanging, within a fifth of a radian and of a metre."""
        cart, first, second = rng.uniform(-0.2, 0.2, 3)
        self.view.qpos = (cart, first + math.pi, second)
        self.view.qvel = 0.05 * rng.standard_normal(3)

    def success(self) -> bool:
        """Both poles within 0.2 rad of upright and slower than a radian a second, the cart within half a metre of the middle."""
        cart, first, second = self.view.qpos
        limit = math.cos(0.2)
        upright = math.cos(first) > limit and math.cos(first + second) > limit
        return bool(upright and abs(cart) < 0.5 and abs(self.view.qvel[1:]).max() < 1.0)
