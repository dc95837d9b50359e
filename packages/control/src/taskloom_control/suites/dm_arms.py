"""Arms, poles and masses of the DeepMind control suite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskloom_control.config import AnyOptimizer, ControllerConfig, Seconds
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.suites.base import SuiteConfig
from taskloom_control.suites.dm import DmTask
from taskloom_control.suites.tolerance import tolerance

if TYPE_CHECKING:
    from taskloom_control.suites.base import Controls, Rewards, Sensors, States


class DmPoleConfig(SuiteConfig):
    """The solver of the carts with poles and of the acrobot."""

    seconds: Seconds = 10.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=1.0, control_freq=50, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=6, sigma=0.8, ess=3, finest=0.1)
    """Optimizer of the plan."""


class DmCartpole(DmTask[DmPoleConfig]):
    """A cart with a pole; the reward is a product of upright, centred, gentle and slow."""

    domain, variant = "cartpole", "balance"
    is_sparse: ClassVar[bool] = False

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        return self._within(states) if self.is_sparse else self._smooth(states, sensors, controls)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards | float:
        """Return the smooth reward where the suite's is sparse."""
        return self._smooth(states, sensors, controls) if self.is_sparse else 0.0

    def _within(self, states: States) -> Rewards:
        cosine = np.cos(states[..., 1])
        return np.asarray(
            tolerance(states[..., 0], (-0.25, 0.25)) * tolerance(cosine, (0.995, 1.0))
        )

    def _smooth(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        del sensors
        upright = (np.cos(states[..., 1]) + 1) / 2
        centered = (1 + tolerance(states[..., 0], margin=2)) / 2
        gentle = tolerance(controls[..., 0], margin=1, value_at_margin=0, sigmoid="quadratic")
        slow = (1 + tolerance(states[..., 3], margin=5)) / 2
        return np.asarray(upright * ((4 + gentle) / 5) * slow * centered)


class DmCartpoleBalance(DmCartpole):
    """Balance a pole that begins near upright."""


class DmCartpoleBalanceSparse(DmCartpole):
    """Balance a pole, rewarded only near upright in the middle."""

    variant, is_sparse = "balance_sparse", True


class DmCartpoleSwingup(DmCartpole):
    """Swing a pole up and balance it."""

    variant = "swingup"


class DmCartpoleSwingupSparse(DmCartpole):
    """Swing a pole up, rewarded only near upright in the middle."""

    variant, is_sparse = "swingup_sparse", True


class DmAcrobot(DmTask[DmPoleConfig]):
    """Two links, driven at the elbow; the reward is the nearness of the tip to a place above."""

    domain, variant = "acrobot", "swingup"
    margin: ClassVar[float] = 1.0

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors, controls
        radius = float(self.model.site("target").size[0])
        return tolerance(self._distance(states), (0, radius), self.margin)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the tip's distance, which is flat nowhere."""
        del sensors, controls
        return -0.25 * self._distance(states)

    def _distance(self, states: States) -> Rewards:
        """Return the distance of the tip from the target [m], by the geometry of two links of a metre."""
        first, both = states[..., 0], states[..., 0] + states[..., 1]
        return np.asarray(
            np.hypot(np.sin(first) + np.sin(both), np.cos(first) + np.cos(both) - 2.0)
        )


class DmAcrobotSwingup(DmAcrobot):
    """Swing two links up, rewarded by the nearness of the tip."""


class DmAcrobotSwingupSparse(DmAcrobot):
    """Swing two links up, rewarded only at the target."""

    variant, margin = "swingup_sparse", 0.0


class DmPendulumConfig(SuiteConfig):
    """The solver of the pendulum."""

    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=2.0, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=6, sigma=0.5, ess=3)
    """Optimizer of the plan."""


class DmPendulumSwingup(DmTask[DmPendulumConfig]):
    """Swing a pendulum up with a weak motor, rewarded only near upright."""

    domain, variant = "pendulum", "swingup"

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors, controls
        return tolerance(np.cos(states[..., 0]), (math.cos(math.radians(8)), 1.0))

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the height, less for speed near the top."""
        del sensors, controls
        height = (np.cos(states[..., 0]) + 1) / 2
        return np.asarray(height - 0.02 * height**4 * states[..., 1] ** 2)


class DmMassConfig(SuiteConfig):
    """The solver of the point mass and of the arm with two links."""

    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=5, sigma=0.25, ess=3, finest=0.05)
    """Optimizer of the plan."""


class DmPointMass(DmTask[DmMassConfig]):
    """A mass in the plane that two motors move to the middle."""

    domain, variant = "point_mass", "easy"

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors
        size = float(self.model.geom("target").size[0])
        near = tolerance(self._distance(states), (0, size), size)
        gentle = tolerance(controls, margin=1, value_at_margin=0, sigmoid="quadratic")
        return np.asarray(near * ((gentle.mean(axis=-1) + 4) / 5))

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distance."""
        del sensors, controls
        return -2.0 * self._distance(states)

    def _distance(self, states: States) -> Rewards:
        return np.asarray(np.hypot(states[..., 0], states[..., 1]))


class DmPointMassEasy(DmPointMass):
    """Move a mass to the middle, one motor an axis."""


class DmPointMassHard(DmPointMass):
    """Move a mass to the middle with motors of unknown directions, drawn anew for each episode."""

    variant, drawn = "hard", ("wrap_prm",)


class DmReacher(DmTask[DmMassConfig]):
    """An arm of two links whose finger reaches for a target, rewarded only on it."""

    domain, variant = "reacher", "easy"
    drawn = ("geom_pos", "geom_size")

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors, controls
        target, finger = self.model.geom("target"), self.model.geom("finger")
        return tolerance(self._distance(states), (0, float(target.size[0] + finger.size[0])))

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distance."""
        del sensors, controls
        return -2.0 * self._distance(states)

    def _distance(self, states: States) -> Rewards:
        """Return the finger's distance from the target in the plane [m], by the geometry of two links of 12 cm."""
        first, both = states[..., 0], states[..., 0] + states[..., 1]
        x, y = self.model.geom("target").pos[:2]
        dx = 0.12 * (np.cos(first) + np.cos(both)) - x
        dy = 0.12 * (np.sin(first) + np.sin(both)) - y
        return np.asarray(np.hypot(dx, dy))


class DmReacherEasy(DmReacher):
    """Reach for a target of 5 cm."""


class DmReacherHard(DmReacher):
    """Reach for a target of 1.5 cm."""

    variant = "hard"


class DmCupConfig(SuiteConfig):
    """The solver of the ball in a cup."""

    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.8, control_freq=12.5, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=6, sigma=0.5, ess=3)
    """Optimizer of the plan."""


class DmBallInCupCatch(DmTask[DmCupConfig]):
    """Swing a ball on a string into a cup, rewarded only inside."""

    domain, variant = "ball_in_cup", "catch"
    substeps = 10
    # Where the target begins above the cup, and how much narrower it is than the ball is wide: read off the suite's model.
    _HEIGHT, _DEPTH = 0.6, 0.05

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors, controls
        dx, dz = self._gap(states)
        size, ball = self.model.site("target").size, float(self.model.geom("ball").size[0])
        return np.asarray(
            (np.abs(dx) < size[0] - ball) & (np.abs(dz) < size[2] - ball), dtype=float
        )

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distance, from above more than from below: the bottom of the cup is closed."""
        del sensors, controls
        dx, dz = self._gap(states)
        below = np.maximum(dz, 0.0)
        return np.asarray(-np.hypot(dx, dz) - below)

    def _gap(self, states: States) -> tuple[Rewards, Rewards]:
        """Return the target's place less the ball's, along x and z [m]."""
        cup_x, cup_z, ball_x, ball_z = (states[..., i] for i in range(4))
        return cup_x - ball_x, (self._HEIGHT + cup_z - self._DEPTH) - (0.2 + ball_z)
