"""Follow a target that the simulation moves; only a sensor relative to the target tells where it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square


class ParticleGoalConfig(ControlConfig):
    """The cost of the particle."""

    w_distance: Weight = 5.0
    """Weight of the squared distance from the target."""
    w_velocity: Weight = 0.005
    """Weight of the squared velocity."""
    w_control: Weight = 0.001
    """Weight of the squared forces."""
    speed: Annotated[float, Field(ge=-3, le=3), Unit("rad/s")] = 0.4
    """Angular speed of the target on its circle."""
    controller: ControllerConfig = ControllerConfig(horizon=0.25, iterations=3, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling(num_rollouts=16, sigma=1.0, finest=1 / 32)
    """Optimizer of the plan."""


class ParticleGoal(StagedTask[ParticleGoalConfig]):
    """Follow a moving mocap target with a particle; the controls are two forces."""

    model_path = model_path("particle_goal")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ParticleGoalConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        gap = sensors[..., self.sensor("gap")]
        return {
            "distance": config.w_distance * half_square(gap),
            "velocity": config.w_velocity * half_square(states[..., 2:]),
            "control": config.w_control * half_square(controls),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin anywhere, with the target anywhere on a circle."""
        self.view.qpos = rng.uniform(-0.8, 0.8, 2)
        angle = rng.uniform(-math.pi, math.pi)
        self.view.mocap_pos("target")[:2] = 0.6 * math.cos(angle), 0.6 * math.sin(angle)

    def post_sim_step(self) -> None:
        """Move the target along its circle."""
        x, y, _ = self.view.mocap_pos("target")
        angle = math.atan2(y, x) + self.config.speed * float(self.sim_model.opt.timestep)
        self.view.mocap_pos("target")[:2] = 0.6 * math.cos(angle), 0.6 * math.sin(angle)

    def success(self) -> bool:
        """Within a tenth of a metre of the target."""
        return math.dist(self.view.qpos, self.view.mocap_pos("target")[:2]) < 0.1

    def goal(self) -> np.ndarray:
        """Return the target's place [m], shape (2,)."""
        return self.view.mocap_pos("target")[:2].copy()

    def achieved_goal(self) -> np.ndarray:
        """Return the particle's place [m], shape (2,)."""
        return self.view.qpos.copy()
