"""Swing up a pole on a cart and hold it in the middle of the rail.

The system and the cost are those of judo's and MJPC's cart-pole, in an MJCF of our own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Scale, Weight, smooth_absolute


class CartpoleConfig(ControlConfig):
    """The cost of the cart-pole."""

    w_vertical: Weight = 10.0
    """Weight of the pole's distance from upright."""
    w_centered: Weight = 10.0
    """Weight of the cart's distance from the middle."""
    w_velocity: Weight = 0.1
    """Weight of the squared velocities of cart and pole."""
    w_control: Weight = 0.1
    """Weight of the squared control."""
    p_vertical: Scale = 0.01
    """Point at which the cost of the angle turns from quadratic to linear."""
    p_centered: Scale = 0.1
    """Point at which the cost of the position turns from quadratic to linear."""
    optimizer: AnyOptimizer = MPPI()
    """Optimizer of the plan."""


class Cartpole(StagedTask[CartpoleConfig]):
    """Swing up a pole on a cart; the only control is the position that a spring pulls the cart to."""

    model_path = model_path("cartpole")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: CartpoleConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        upright = xp.cos(states[..., 1]) - 1.0
        return {
            "vertical": config.w_vertical * smooth_absolute(upright, config.p_vertical),
            "centered": config.w_centered * smooth_absolute(states[..., 0], config.p_centered),
            "velocity": (0.5 * config.w_velocity) * (states[..., 2] ** 2 + states[..., 3] ** 2),
            "control": (0.5 * config.w_control) * controls[..., 0] ** 2,
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin near one metre to the side with the pole near hanging, all with unit normal noise."""
        self.view.qpos = rng.normal((1.0, math.pi))
        self.view.qvel = 0.1 * rng.standard_normal(2)

    def success(self) -> bool:
        """Upright within 11 degrees, within 0.15 m of the middle, and slow."""
        x, angle = self.view.qpos
        return bool(1 - math.cos(angle) < 0.02 and abs(x) < 0.15 and abs(self.view.qvel[1]) < 0.5)
