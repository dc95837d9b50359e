"""Bring a point mass to rest: linear dynamics and a quadratic cost, so the optimum is known exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, Seconds
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.lqr import LQR
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight


class LqPointMassConfig(ControlConfig):
    """The cost of the point mass."""

    seconds: Seconds = 5.0
    """Simulated time of the closed loop."""
    w_position: Weight = 1.0
    """Weight of the squared position."""
    w_velocity: Weight = 0.1
    """Weight of the squared velocity."""
    w_control: Weight = 0.01
    """Weight of the squared force."""
    optimizer: AnyOptimizer = LQR()
    """Optimizer of the plan."""


class LqPointMass(StagedTask[LqPointMassConfig]):
    """Bring a unit mass on a line to rest at the origin."""

    model_path = model_path("lq_point_mass")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: LqPointMassConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        x, v, u = states[..., 0], states[..., 1], controls[..., 0]
        return {
            "position": config.w_position * (x * x),
            "velocity": config.w_velocity * (v * v),
            "control": config.w_control * (u * u),
        }

    def dynamics(self, states: Array, controls: Array, config: LqPointMassConfig) -> Array:
        """Return the state one step later: MuJoCo's semi-implicit Euler step of a unit mass."""
        xp, dt = states.__array_namespace__(), float(self.model.opt.timestep)
        velocity = states[..., 1:] + dt * controls
        return xp.concat([states[..., :1] + dt * velocity, velocity], axis=-1)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin up to two metres away, at up to one metre a second."""
        self.view.qpos = rng.uniform(-2, 2, 1)
        self.view.qvel = rng.uniform(-1, 1, 1)

    def success(self) -> bool:
        """Within a centimetre of the origin, slower than two centimetres a second."""
        return bool(abs(self.view.qpos[0]) < 0.01 and abs(self.view.qvel[0]) < 0.02)
