"""Swing up a pendulum whose motor is too weak to lift it, and hold it upright."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square


class PendulumConfig(ControlConfig):
    """The cost of the pendulum."""

    w_upright: Weight = 1.0
    """Weight of the pendulum's height below upright."""
    w_velocity: Weight = 0.02
    """Weight of the squared angular velocity."""
    w_control: Weight = 0.005
    """Weight of the squared torque."""
    controller: ControllerConfig = ControllerConfig(horizon=1.5)
    """The receding-horizon controller."""
    # Wide draws find the next swing, fine ones hold: a spread fitted to the pendulum at rest finds no swing any more.
    optimizer: AnyOptimizer = PredictiveSampling(num_nodes=5, sigma=0.5, finest=1 / 32)
    """Optimizer of the plan."""


class Pendulum(StagedTask[PendulumConfig]):
    """Swing up a pendulum; the control is a torque of less than half of what gravity takes."""

    model_path = model_path("pendulum")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: PendulumConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        return {
            "upright": config.w_upright * (1.0 - xp.cos(states[..., 0])),
            "velocity": config.w_velocity * half_square(states[..., 1:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin within a radian of hanging, slowly."""
        self.view.qpos = math.pi + rng.uniform(-1, 1, 1)
        self.view.qvel = 0.1 * rng.standard_normal(1)

    def success(self) -> bool:
        """Within 0.2 rad of upright, slower than half a radian a second."""
        return bool(math.cos(self.view.qpos[0]) > math.cos(0.2) and abs(self.view.qvel[0]) < 0.5)
