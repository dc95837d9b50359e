"""The half cheetah of the DeepMind control suite at speed: a solver of its own, in a file of its own as in `dm_settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.config import AnyOptimizer, ControllerConfig
from taskloom_control.optimizers.icem import ICEM
from taskloom_control.suites.dm_bodies import DmCheetahRun, DmRunnerConfig

if TYPE_CHECKING:
    from taskloom_control.suites.base import Controls, Rewards, Sensors, States

_BELOW = 0.05  # [m] below the torso's first height; good runs on development seeds stay within 5 cm of that


class DmGallopConfig(DmRunnerConfig):
    """The solver of the half cheetah at speed: every control step has a knot and a plan, and slow noise finds the strides."""

    controller: ControllerConfig = ControllerConfig(
        horizon=0.4, control_freq=100, iterations=3, spline="zero"
    )
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = ICEM(
        num_rollouts=120, num_nodes=40, num_elites=10, keep=3, sigma=0.8, beta=3.0
    )
    """Optimizer of the plan."""


class DmCheetahGallop(DmCheetahRun):
    """Run at up to 10 m/s, by long strides."""

    def __init__(self, config: DmGallopConfig) -> None:
        super().__init__(config)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return something for staying the right way up and level: a leap earns speed within the horizon and loses it later."""
        height = states[..., self.position("rootz")][..., 0]
        upright = super().guides(states, sensors, controls)
        return np.asarray(upright - 5.0 * (height + _BELOW) ** 2)
