"""Follow a trot with the shipped quadruped; the controls are distances of the servos' targets from the pose that is followed."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer
from taskloom_control.optimizers.cem import CEM
from taskloom_control.tasks.costs import Weight
from taskloom_control.tasks.track import Track, TrackConfig

# Largest distance of a target from the pose [rad].
_MOST = 0.4


class QuadrupedTrotConfig(TrackConfig):
    """A trot, and what it costs to be elsewhere."""

    w_control: Weight = 0.02
    """Weight of the mean squared distance of the targets from the pose that is followed."""
    spread: Annotated[float, Field(ge=0), Unit("rad")] = 0.05
    """Largest distance of the joints from the motion's first pose [rad]."""
    optimizer: AnyOptimizer = CEM(
        num_rollouts=40, num_nodes=4, num_elites=6, sigma_start=0.3, sigma_min=0.05
    )
    """Optimizer of the plan."""


class QuadrupedTrot(Track[QuadrupedTrotConfig]):
    """Trot on four legs as a motion says."""

    def task_to_sim_ctrl(self, controls: np.ndarray) -> np.ndarray:
        """Return targets of the servos: the followed pose's angles after each step, and the controls on top."""
        if controls.ndim == 1:
            qpos = self.motion.at(np.array([float(self.data.time) + self.dt]))[0][0]
            return np.asarray(qpos[7:] + controls)
        qpos, _, _ = self.wanted(controls.shape[-2])
        return np.asarray(qpos[:, 7:] + controls)

    def control_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest distances of the targets from the pose."""
        return np.full(self.model.nu, -_MOST), np.full(self.model.nu, _MOST)

    def terminated(self) -> bool:
        """The trunk has turned over or lies on the ground."""
        return bool(self.view.sensor("up")[2] < 0.5 or self.view.qpos[2] < 0.15)
