"""Swing a ball on a string into the cup that it hangs from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Scale, Weight, half_square, length, smooth_absolute


class BallInCupConfig(ControlConfig):
    """The cost of the ball."""

    w_distance: Weight = 1.0
    """Weight of the ball's distance from the middle of the cup."""
    w_below: Weight = 2.0
    """Weight of how far the ball lies below the rim."""
    w_control: Weight = 0.02
    """Weight of the squared controls."""
    p_distance: Scale = 0.02
    """Point at which the cost of the distance turns from quadratic to linear."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling(num_rollouts=64, sigma=1.0)
    """Optimizer of the plan."""


class BallInCup(StagedTask[BallInCupConfig]):
    """Catch a ball; the controls are the positions that springs pull the cup to."""

    model_path = model_path("ball_in_cup")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: BallInCupConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        gap = states[..., 2:4] - states[..., 0:2]
        below = xp.maximum(0.1 - gap[..., 1], xp.zeros_like(gap[..., 1]))
        return {
            "distance": config.w_distance * smooth_absolute(length(gap), config.p_distance),
            "below": config.w_below * below * (length(gap) > 0.08),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin with the ball hanging, pushed a little to the side."""
        angle = rng.uniform(-0.4, 0.4)
        self.view.qpos = (0.0, 0.0, 0.3 * math.sin(angle), -0.3 * math.cos(angle))

    def success(self) -> bool:
        """The ball lies in the cup."""
        x, z, ball_x, ball_z = self.view.qpos
        return bool(abs(ball_x - x) < 0.06 and -0.03 < ball_z - z < 0.08)
