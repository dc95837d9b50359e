"""Move the tip of a two-link arm to a target."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Scale, Weight, half_square, length, smooth_absolute


class ReacherConfig(ControlConfig):
    """The cost of the reacher."""

    w_distance: Weight = 1.0
    """Weight of the tip's distance from the target."""
    w_velocity: Weight = 0.001
    """Weight of the squared joint velocities."""
    w_control: Weight = 0.1
    """Weight of the squared torques."""
    p_distance: Scale = 0.05
    """Point at which the cost of the distance turns from quadratic to linear."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling(num_rollouts=64, sigma=2.0)
    """Optimizer of the plan."""


class Reacher(StagedTask[ReacherConfig]):
    """Reach a target that the simulation chose; the controls are the torques of two joints."""

    model_path = model_path("reacher")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ReacherConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        gap = sensors[..., self.sensor("gap")]
        return {
            "distance": config.w_distance * smooth_absolute(length(gap), config.p_distance),
            "velocity": config.w_velocity * half_square(states[..., 2:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin anywhere, with the target anywhere in reach."""
        self.view.qpos = (rng.uniform(-math.pi, math.pi), rng.uniform(-2.5, 2.5))
        angle, radius = rng.uniform(-math.pi, math.pi), rng.uniform(0.15, 0.38)
        self.view.mocap_pos("target")[:2] = radius * math.cos(angle), radius * math.sin(angle)

    def success(self) -> bool:
        """The tip is within two centimetres of the target."""
        return math.hypot(*self.view.sensor("gap")) < 0.02

    def goal(self) -> np.ndarray:
        """Return the target's place [m], shape (3,)."""
        return self.view.mocap_pos("target").copy()

    def achieved_goal(self) -> np.ndarray:
        """Return the tip's place [m], shape (3,)."""
        place: np.ndarray = self.view.mocap_pos("target") + self.view.sensor("gap")
        return place
