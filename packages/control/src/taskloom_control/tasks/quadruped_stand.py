"""Stand up from a crouch and stay there."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig, Seconds
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square

# Height of the trunk [m] and joint angles [rad] of a standing leg: abduction, swing, knee.
HEIGHT = 0.32
LEG = (0.0, 0.8, -1.6)


class QuadrupedStandConfig(ControlConfig):
    """The cost of standing."""

    w_height: Weight = 100.0
    """Weight of the squared distance of the trunk from its height."""
    w_upright: Weight = 5.0
    """Weight of the trunk's tilt."""
    w_posture: Weight = 0.2
    """Weight of the squared joint angles from standing."""
    w_velocity: Weight = 0.02
    """Weight of the squared velocities."""
    seconds: Seconds = 5.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=24, num_nodes=3, sigma=0.05, ess=4)
    """Optimizer of the plan."""


class QuadrupedStand(StagedTask[QuadrupedStandConfig]):
    """Stand up on four legs; the controls are the angles of twelve joints."""

    model_path = model_path("quadruped")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: QuadrupedStandConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        up = sensors[..., self.sensor("up")]
        return {
            "height": 0.5 * config.w_height * (states[..., 2] - HEIGHT) ** 2,
            "upright": config.w_upright * (1.0 - up[..., 2]),
            "posture": config.w_posture * half_square(states[..., 7:19] - xp.asarray(LEG * 4)),
            "velocity": config.w_velocity * half_square(states[..., 19:]),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin crouched, every joint up to a quarter of a radian from the crouch, just above the ground."""
        legs = (0.0, 1.3, -2.4) * 4 + rng.uniform(-0.25, 0.25, 12)
        self.view.qpos = (*self.model.qpos0[:2], 0.24, *self.model.qpos0[3:7], *legs)

    def optimizer_warm_start(self) -> np.ndarray:
        """Hold the standing pose."""
        return np.tile(LEG, 4)

    def success(self) -> bool:
        """The trunk is within four centimetres of its height, level within a quarter of a radian, and slow."""
        up = self.view.sensor("up")
        speed = math.hypot(*self.view.qvel[:3])
        return bool(
            abs(self.view.qpos[2] - HEIGHT) < 0.04 and up[2] > math.cos(0.25) and speed < 0.3
        )
