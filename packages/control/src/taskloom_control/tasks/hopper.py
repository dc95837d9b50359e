"""Travel forward on one leg without falling.

Springs pull the three joints to the angles that are the controls. A few dozen samples fall over after a step or two; the
derivatives of the contact forces keep the torso up, so the default is iLQR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.ilqr import ILQR
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square

# Height of the hip [m] and angles of hip, knee and ankle [rad] of a leg that is bent and stands.
HEIGHT = 0.83
POSTURE = (-0.5, 1.0, -0.5)


class HopperConfig(ControlConfig):
    """The cost of the hopper."""

    w_speed: Weight = 1.0
    """Weight of the squared distance from the speed asked for."""
    w_height: Weight = 20.0
    """Weight of the squared distance of the torso from its height."""
    w_upright: Weight = 3.0
    """Weight of the torso's lean."""
    w_posture: Weight = 0.1
    """Weight of the squared joint angles from a bent leg."""
    w_control: Weight = 0.01
    """Weight of the squared distance of the controls from a bent leg."""
    speed: Annotated[float, Field(ge=-3, le=3), Unit("m/s")] = 0.7
    """Speed asked for."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6)
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = ILQR()
    """Optimizer of the plan."""


class Hopper(StagedTask[HopperConfig]):
    """Travel along a line; the controls are the angles that springs pull hip, knee and ankle to."""

    model_path = model_path("hopper")

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: HopperConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        height, lean, joints = states[..., 1], states[..., 2], states[..., 3:6]
        return {
            "speed": 0.5 * config.w_speed * (states[..., 6] - config.speed) ** 2,
            "height": 0.5 * config.w_height * (height - HEIGHT) ** 2,
            "upright": config.w_upright * (1.0 - xp.cos(lean)),
            "posture": config.w_posture * half_square(joints - xp.asarray(POSTURE)),
            "control": config.w_control * half_square(controls - xp.asarray(POSTURE)),
        }

    def reset(self, rng: np.random.Generator) -> None:
        """Begin standing on a bent leg, nearly at rest."""
        lean = rng.uniform(-0.05, 0.05)
        self.view.qpos = (0.0, HEIGHT + 0.02, lean, *(POSTURE + rng.uniform(-0.05, 0.05, 3)))
        self.view.qvel = 0.05 * rng.standard_normal(6)

    def optimizer_warm_start(self) -> np.ndarray:
        """Stand on the bent leg."""
        return np.array(POSTURE)

    def success(self) -> bool:
        """More than one and a half metres ahead of the start, the torso up and within half a radian of upright."""
        x, height, lean = self.view.qpos[:3]
        return bool(x > 1.5 and height > 0.6 and abs(lean) < 0.5)

    def terminated(self) -> bool:
        """The torso lies on the ground."""
        return bool(self.view.qpos[1] < 0.25)
