"""Steer a point mass in the plane to a goal with bounded forces."""

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

Coordinate = Annotated[float, Field(ge=-2, le=2), Unit("m")]


class DoubleIntegratorConfig(ControlConfig):
    """The cost of the double integrator."""

    w_position: Weight = 1.0
    """Weight of the squared distance from the goal."""
    w_velocity: Weight = 0.3
    """Weight of the squared velocity."""
    w_control: Weight = 0.01
    """Weight of the squared force."""
    goal_x: Coordinate = 0.5
    """Goal, first coordinate."""
    goal_y: Coordinate = 0.5
    """Goal, second coordinate."""
    controller: ControllerConfig = ControllerConfig(horizon=1.0, iterations=3, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling(
        num_rollouts=16, num_nodes=6, sigma=1.0, finest=1 / 32
    )
    """Optimizer of the plan."""


class DoubleIntegrator(StagedTask[DoubleIntegratorConfig]):
    """Steer a unit mass in the plane to a goal; the controls are two bounded forces."""

    model_path = model_path("double_integrator")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: DoubleIntegratorConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        gap = states[..., :2] - xp.asarray([config.goal_x, config.goal_y])
        return {
            "position": config.w_position * half_square(gap),
            "velocity": config.w_velocity * half_square(states[..., 2:]),
            "control": config.w_control * half_square(controls),
        }

    def dynamics(self, states: Array, controls: Array, config: DoubleIntegratorConfig) -> Array:
        """Return the state one step later: MuJoCo's semi-implicit Euler step of a unit mass."""
        xp, dt = states.__array_namespace__(), float(self.model.opt.timestep)
        velocity = states[..., 2:] + dt * controls
        return xp.concat([states[..., :2] + dt * velocity, velocity], axis=-1)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin anywhere within one and a half metres, at up to half a metre a second."""
        self.view.qpos = rng.uniform(-1.5, 1.5, 2)
        self.view.qvel = rng.uniform(-0.5, 0.5, 2)

    def setpoint(self) -> tuple[np.ndarray, np.ndarray]:
        """Rest at the goal."""
        return np.array([self.config.goal_x, self.config.goal_y]), np.zeros(2)

    def success(self) -> bool:
        """Within five centimetres of the goal, slower than ten centimetres a second."""
        gap = math.dist(self.view.qpos, (self.config.goal_x, self.config.goal_y))
        return gap < 0.05 and math.hypot(*self.view.qvel) < 0.1
