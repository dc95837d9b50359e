"""Walk ahead on four legs at a speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.cem import CEM
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square

# Height of the trunk [m] and joint angles [rad] of a standing leg: abduction, swing, knee.
HEIGHT = 0.32
LEG = (0.0, 0.8, -1.6)


class QuadrupedWalkConfig(ControlConfig):
    """The cost of walking."""

    w_speed: Weight = 10.0
    """Weight of the squared distance from the velocity asked for."""
    w_height: Weight = 300.0
    """Weight of the squared distance of the trunk from its height."""
    w_upright: Weight = 10.0
    """Weight of the trunk's tilt."""
    w_ahead: Weight = 5.0
    """Weight of the trunk's turn away from its direction."""
    w_posture: Weight = 0.5
    """Weight of the squared joint angles from standing."""
    w_control: Weight = 0.02
    """Weight of the squared distance of the controls from standing."""
    speed: Annotated[float, Field(ge=-1, le=1), Unit("m/s")] = 0.3
    """Speed asked for."""
    controller: ControllerConfig = ControllerConfig(horizon=0.5)
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = CEM(
        num_rollouts=48, num_elites=6, keep=3, sigma_start=0.15, sigma_max=0.3, sigma_min=0.04
    )
    """Optimizer of the plan."""


class QuadrupedWalk(StagedTask[QuadrupedWalkConfig]):
    """Walk on four legs; the controls are the angles of twelve joints."""

    model_path = model_path("quadruped")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: QuadrupedWalkConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        up, ahead = sensors[..., self.sensor("up")], sensors[..., self.sensor("ahead")]
        forward, sideways = states[..., 19], states[..., 20]
        standing = xp.asarray(LEG * 4)
        return {
            "speed": 0.5 * config.w_speed * ((forward - config.speed) ** 2 + sideways**2),
            "height": 0.5 * config.w_height * (states[..., 2] - HEIGHT) ** 2,
            "upright": config.w_upright * (1.0 - up[..., 2]),
            "ahead": config.w_ahead * (1.0 - ahead[..., 0]),
            "posture": config.w_posture * half_square(states[..., 7:19] - standing),
            "control": config.w_control * half_square(controls - standing),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin standing, every joint up to a tenth of a radian from that."""
        legs = LEG * 4 + rng.uniform(-0.1, 0.1, 12)
        self.view.qpos = (*self.model.qpos0[:2], HEIGHT + 0.03, *self.model.qpos0[3:7], *legs)

    def optimizer_warm_start(self) -> np.ndarray:
        """Hold the standing pose."""
        return np.tile(LEG, 4)

    def success(self) -> bool:
        """More than a metre ahead of the start, on its legs, and level within half a radian."""
        up = self.view.sensor("up")
        x, height = self.view.qpos[0], self.view.qpos[2]
        return bool(x > 1.0 and height > 0.2 and up[2] > math.cos(0.5))

    def terminated(self) -> bool:
        """The trunk has turned over."""
        return bool(self.view.sensor("up")[2] < 0.0)
