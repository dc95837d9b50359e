"""The tasks of Gymnasium's MuJoCo suite, version 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskloom_control.config import AnyOptimizer, ControllerConfig, Seconds
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.suites.base import Measured, SuiteConfig
from taskloom_control.suites.gym_base import GymTask

if TYPE_CHECKING:
    from jaxtyping import Bool

    from taskloom_control.suites.base import Controls, Rewards, Sensors, States


class GymRunnerConfig(SuiteConfig):
    """The solver of the bodies with a control step of 0.05 s."""

    seconds: Seconds = 50.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=20, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=5, sigma=0.8, ess=2)
    """Optimizer of the plan."""


class GymHalfCheetah(GymTask[GymRunnerConfig]):
    """Run, rewarded for speed less the squared controls."""

    env_id, file, ends = "HalfCheetah-v5", "half_cheetah", False
    substeps = 5

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return speed less control cost."""
        del sensors
        return np.asarray(self.forward_speed(states) - 0.1 * np.square(controls).sum(axis=-1))


class GymAnt(GymTask[GymRunnerConfig]):
    """Run on four legs; plans leave out the small cost of contact forces, which rollouts do not tell."""

    env_id, file = "Ant-v5", "ant"
    substeps, healthy_reward = 5, 1.0

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return speed less control cost."""
        del sensors
        return np.asarray(self.forward_speed(states) - 0.5 * np.square(controls).sum(axis=-1))

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether the torso is between 0.2 and 1 m high."""
        return np.asarray((states[..., 2] >= 0.2) & (states[..., 2] <= 1.0))


class GymSwimmerConfig(SuiteConfig):
    """The solver of the swimmer."""

    seconds: Seconds = 40.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=2.0, control_freq=12.5, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=8, sigma=0.8, ess=2)
    """Optimizer of the plan."""


class GymSwimmer(GymTask[GymSwimmerConfig]):
    """Swim, rewarded for speed."""

    env_id, file, ends = "Swimmer-v5", "swimmer", False
    substeps = 4

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return speed less control cost."""
        del sensors
        return np.asarray(self.forward_speed(states) - 1e-4 * np.square(controls).sum(axis=-1))


class GymHopperConfig(SuiteConfig):
    """The solver of the bodies with a control step of 0.008 s."""

    seconds: Seconds = 8.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.5, control_freq=62.5, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=5, sigma=0.8, ess=2)
    """Optimizer of the plan."""


class GymHopper(GymTask[GymHopperConfig]):
    """Hop on one leg without falling."""

    env_id, file = "Hopper-v5", "hopper"
    substeps, healthy_reward = 4, 1.0
    least: ClassVar[float] = 0.7
    most: ClassVar[float] = float("inf")
    tilt: ClassVar[float] = 0.2

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return speed less control cost."""
        del sensors
        return np.asarray(self.forward_speed(states) - 1e-3 * np.square(controls).sum(axis=-1))

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether the torso is high and upright enough."""
        height, angle = states[..., 1], states[..., 2]
        good = (height > self.least) & (height < self.most) & (np.abs(angle) < self.tilt)
        if type(self) is GymHopper:
            good &= (np.abs(states[..., 2:]) < 100).all(axis=-1)
        return np.asarray(good)


class GymWalker(GymHopper):
    """Walk on two legs without falling."""

    env_id, file = "Walker2d-v5", "walker2d_v5"
    least, most, tilt = 0.8, 2.0, 1.0


class GymPoleConfig(SuiteConfig):
    """The solver of the poles."""

    seconds: Seconds = 40.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=5, sigma=0.2, ess=3, finest=0.1)
    """Optimizer of the plan."""


class GymPole(GymTask[GymPoleConfig]):
    """Balance a pole: one for every step that it is up."""

    env_id, file = "InvertedPendulum-v5", "inverted_pendulum"
    substeps, healthy_reward = 2, 1.0

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return nothing besides."""
        del sensors, controls
        return np.asarray(np.zeros(states.shape[:2]))

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether the pole is within 0.2 rad of upright."""
        return np.asarray(np.abs(states[..., 1]) <= 0.2)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the squares of angle, place and speed, which the suite's reward does not see."""
        del sensors, controls
        weights = np.array([0.1, 10.0, 0.01, 0.1])
        return -np.asarray(np.square(states) @ weights)


class GymTwoPolesConfig(GymPoleConfig):
    """The solver of the two poles."""

    seconds: Seconds = 50.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=20, spline="linear")
    """The receding-horizon controller."""


class GymTwoPoles(GymTask[GymTwoPolesConfig]):
    """Balance two poles in a row."""

    env_id, file = "InvertedDoublePendulum-v5", "inverted_double_pendulum"
    substeps, healthy_reward = 5, 10.0
    measured: ClassVar[Measured] = {"tip place": ("site", "tip")}

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return minus the distance of the tip and the speeds."""
        del controls
        tip = sensors[..., self.sensor("tip place")]
        away = 0.01 * tip[..., 0] ** 2 + (tip[..., 2] - 2) ** 2
        return np.asarray(-away - 1e-3 * states[..., 4] ** 2 - 5e-3 * states[..., 5] ** 2)

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether the tip is higher than a metre, by the geometry of two links of 60 cm."""
        first, both = states[..., 1], states[..., 1] + states[..., 2]
        return np.asarray(0.6 * (np.cos(first) + np.cos(both)) > 1.0)


class GymArmConfig(SuiteConfig):
    """The solver of the arms."""

    seconds: Seconds = 1.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, control_freq=50, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=4, sigma=0.25, ess=3, finest=0.1)
    """Optimizer of the plan."""


class GymReacher(GymTask[GymArmConfig]):
    """Reach for a target with two links."""

    env_id, file, ends = "Reacher-v5", "reacher", False
    substeps = 2
    measured: ClassVar[Measured] = {
        "tip place": ("body", "fingertip"),
        "target place": ("body", "target"),
    }

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return minus the distance and the squared controls."""
        del states
        gap = sensors[..., self.sensor("tip place")] - sensors[..., self.sensor("target place")]
        return np.asarray(-np.linalg.norm(gap, axis=-1) - np.square(controls).sum(axis=-1))


class GymPusherConfig(GymArmConfig):
    """The solver of the pushing arm."""

    seconds: Seconds = 5.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.8, control_freq=20, spline="linear")
    """The receding-horizon controller."""


class GymPusher(GymTask[GymPusherConfig]):
    """Push a cylinder to a place with an arm of seven joints."""

    env_id, file, ends = "Pusher-v5", "pusher_v5", False
    substeps = 5
    measured: ClassVar[Measured] = {
        "object place": ("body", "object"),
        "tips place": ("body", "tips_arm"),
        "goal place": ("body", "goal"),
    }

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return minus the distances and the squared controls."""
        del states
        thing = sensors[..., self.sensor("object place")]
        near = np.linalg.norm(thing - sensors[..., self.sensor("tips place")], axis=-1)
        away = np.linalg.norm(thing - sensors[..., self.sensor("goal place")], axis=-1)
        return np.asarray(-0.5 * near - away - 0.1 * np.square(controls).sum(axis=-1))


class GymHumanoidConfig(SuiteConfig):
    """The solver of the humanoid."""

    seconds: Seconds = 15.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(
        horizon=0.45, control_freq=1 / 0.03, spline="linear"
    )
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=64, num_nodes=4, sigma=0.8, ess=2)
    """Optimizer of the plan."""


class GymHumanoid(GymTask[GymHumanoidConfig]):
    """Run on two legs; plans take the speed of the whole body's centre of mass and leave out the cost of contact forces."""

    env_id, file = "Humanoid-v5", "humanoid"
    substeps, healthy_reward = 5, 5.0
    measured: ClassVar[Measured] = {"whole speed": ("flow", "torso")}

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return speed less control cost."""
        del states
        speed = sensors[..., self.sensor("whole speed")][..., 0]
        return np.asarray(1.25 * speed - 0.1 * np.square(controls).sum(axis=-1))

    def healthy(self, states: States) -> Bool[np.ndarray, "R T"]:
        """Return whether the torso is between 1 and 2 m high."""
        return np.asarray((states[..., 2] > 1.0) & (states[..., 2] < 2.0))


class GymHumanoidStandup(GymTask[GymHumanoidConfig]):
    """Stand up from lying; plans leave out the cost of contact forces."""

    env_id, file, ends = "HumanoidStandup-v5", "humanoidstandup", False
    substeps = 5

    def rewards_while_healthy(
        self, states: States, sensors: Sensors, controls: Controls
    ) -> Rewards:
        """Return the height over the time of a physics step, less control cost."""
        del sensors
        step = float(self.model.opt.timestep)
        return np.asarray(states[..., 2] / step - 0.1 * np.square(controls).sum(axis=-1) + 1)
