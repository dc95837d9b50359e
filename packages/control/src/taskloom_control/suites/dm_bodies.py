"""Fingers, fish, walkers and runners of the DeepMind control suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskloom_control.config import AnyOptimizer, ControllerConfig, Seconds
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.suites.base import Measured, SuiteConfig
from taskloom_control.suites.dm import DmTask
from taskloom_control.suites.tolerance import tolerance

if TYPE_CHECKING:
    from taskloom_control.suites.base import Controls, Rewards, Sensors, States

_ABOVE = float("inf")


class DmFingerConfig(SuiteConfig):
    """The solver of the finger."""

    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=5, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmFinger(DmTask[DmFingerConfig]):
    """A finger that turns a body on a hinge."""

    domain, variant = "finger", "spin"
    substeps = 2

    def away(self, sensors: Sensors) -> Rewards:
        """Return how far the fingertip is from the body [m], a guide to touching it."""
        tip = sensors[..., self.sensor("touchtop_pos")] - sensors[..., self.sensor("spinner")]
        return np.asarray(np.linalg.norm(tip, axis=-1))


class DmFingerSpin(DmFinger):
    """Spin a body, rewarded above 15 rad/s."""

    drawn = ("dof_damping",)

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del sensors, controls
        return np.asarray(states[..., self.velocity("hinge")][..., 0] <= -15.0, dtype=float)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the speed up to the one that is rewarded, and nearness."""
        del controls
        speed = -states[..., self.velocity("hinge")][..., 0]
        return np.asarray(np.clip(speed / 20.0, -1.0, 1.0) - 0.2 * self.away(sensors))


class DmFingerTurn(DmFinger):
    """Turn a body so that its tip is on a target, rewarded only there."""

    drawn = ("site_pos", "site_size")

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states, controls
        return np.asarray(self._distance(sensors) <= 0, dtype=float)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distance, and nearness of the finger."""
        del states, controls
        return np.asarray(
            -2.0 * np.maximum(self._distance(sensors), 0.0) - 0.2 * self.away(sensors)
        )

    def _distance(self, sensors: Sensors) -> Rewards:
        gap = sensors[..., self.sensor("target")] - sensors[..., self.sensor("tip")]
        size = float(self.model.site("target").size[0])
        return np.asarray(np.hypot(gap[..., 0], gap[..., 2]) - size)


class DmFingerTurnEasy(DmFingerTurn):
    """Turn a body onto a target of 7 cm."""

    variant = "turn_easy"


class DmFingerTurnHard(DmFingerTurn):
    """Turn a body onto a target of 3 cm."""

    variant = "turn_hard"


class DmRunnerConfig(SuiteConfig):
    """The solver of the half cheetah."""

    seconds: Seconds = 10.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.5, control_freq=50, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=6, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmCheetahRun(DmTask[DmRunnerConfig]):
    """Run at up to 10 m/s."""

    domain, variant = "cheetah", "run"

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states, controls
        speed = sensors[..., self.sensor("torso_subtreelinvel")][..., 0]
        return tolerance(speed, (10.0, _ABOVE), 10.0, "linear", 0.0)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return something for staying the right way up."""
        del sensors, controls
        return np.asarray(0.1 * np.cos(states[..., self.position("rooty")][..., 0]))


class DmWalkerConfig(SuiteConfig):
    """The solver of the walker."""

    seconds: Seconds = 25.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=20, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=5, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmWalker(DmTask[DmWalkerConfig]):
    """A walker in the plane; the reward is a product of standing and moving."""

    domain, variant = "walker", "stand"
    substeps = 10
    speed: ClassVar[float] = 0.0

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del controls
        height = 1.3 + states[..., self.position("rootz")][..., 0]
        upright = (1 + np.cos(states[..., self.position("rooty")][..., 0])) / 2
        stand = (3 * tolerance(height, (1.2, _ABOVE), 0.6) + upright) / 4
        if self.speed == 0:
            return np.asarray(stand)
        speed = sensors[..., self.sensor("torso_subtreelinvel")][..., 0]
        move = tolerance(speed, (self.speed, _ABOVE), self.speed / 2, "linear", 0.5)
        return np.asarray(stand * (5 * move + 1) / 6)


class DmWalkerStand(DmWalker):
    """Stand up."""


class DmWalkerWalk(DmWalker):
    """Walk at 1 m/s."""

    variant, speed = "walk", 1.0


class DmWalkerRun(DmWalker):
    """Run at 8 m/s."""

    variant, speed = "run", 8.0


class DmHopperConfig(SuiteConfig):
    """The solver of the hopper."""

    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=5, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmHopper(DmTask[DmHopperConfig]):
    """A leg in the plane, rewarded while its torso is high above its foot."""

    domain, variant = "hopper", "stand"
    substeps = 4
    measured: ClassVar[Measured] = {
        "torso place": ("inertia", "torso"),
        "foot place": ("inertia", "foot"),
    }

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states
        standing = tolerance(self._height(sensors), (0.6, 2.0))
        gentle = tolerance(controls, margin=1, value_at_margin=0, sigmoid="quadratic")
        return np.asarray(standing * ((gentle.mean(axis=-1) + 4) / 5))

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the height up to the one that is rewarded, and uprightness."""
        del controls
        upright = np.cos(states[..., self.position("rooty")][..., 0])
        return np.asarray(np.minimum(self._height(sensors), 0.7) + 0.2 * upright)

    def _height(self, sensors: Sensors) -> Rewards:
        torso, foot = self.sensor("torso place"), self.sensor("foot place")
        return np.asarray(sensors[..., torso][..., 2] - sensors[..., foot][..., 2])


class DmHopperStand(DmHopper):
    """Stand on one leg."""


class DmHopperHop(DmHopper):
    """Hop at 2 m/s."""

    variant = "hop"

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states, controls
        speed = sensors[..., self.sensor("torso_subtreelinvel")][..., 0]
        hopping = tolerance(speed, (2.0, _ABOVE), 1.0, "linear", 0.5)
        return np.asarray(tolerance(self._height(sensors), (0.6, 2.0)) * hopping)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return what the standing task is led by, and the speed."""
        speed = sensors[..., self.sensor("torso_subtreelinvel")][..., 0]
        led = super().guides(states, sensors, controls)
        return np.asarray(led + 0.2 * np.clip(speed, -2.0, 2.0))


class DmHumanoidConfig(SuiteConfig):
    """The solver of the humanoid."""

    seconds: Seconds = 25.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.5, control_freq=20, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=64, num_nodes=5, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmHumanoid(DmTask[DmHumanoidConfig]):
    """A humanoid; the reward is a product of standing, gentle controls and moving."""

    domain, variant = "humanoid", "stand"
    substeps = 5
    speed: ClassVar[float] = 0.0
    measured: ClassVar[Measured] = {"head place": ("body", "head"), "torso up": ("axis", "torso")}

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states
        height = sensors[..., self.sensor("head place")][..., 2]
        upright = sensors[..., self.sensor("torso up")][..., 2]
        stand = tolerance(height, (1.4, _ABOVE), 0.35)
        stand = stand * tolerance(upright, (0.9, _ABOVE), 1.9, "linear", 0.0)
        gentle = tolerance(controls, margin=1, value_at_margin=0, sigmoid="quadratic")
        plane = sensors[..., self.sensor("torso_subtreelinvel")][..., :2]
        if self.speed == 0:
            move = tolerance(plane, margin=2).mean(axis=-1)
        else:
            along = np.linalg.norm(plane, axis=-1)
            move = (5 * tolerance(along, (self.speed, _ABOVE), self.speed, "linear", 0.0) + 1) / 6
        return np.asarray((4 + gentle.mean(axis=-1)) / 5 * stand * move)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the height of the head up to standing, and uprightness."""
        del states, controls
        height = sensors[..., self.sensor("head place")][..., 2]
        upright = sensors[..., self.sensor("torso up")][..., 2]
        return np.asarray(np.minimum(height, 1.5) / 1.5 + 0.2 * upright)


class DmHumanoidStand(DmHumanoid):
    """Stand up and stay."""


class DmHumanoidWalk(DmHumanoid):
    """Walk at 1 m/s."""

    variant, speed = "walk", 1.0


class DmHumanoidRun(DmHumanoid):
    """Run at 10 m/s."""

    variant, speed = "run", 10.0


class DmFishConfig(SuiteConfig):
    """The solver of the fish."""

    seconds: Seconds = 40.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=1.2, control_freq=12.5, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=40, num_nodes=6, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmFish(DmTask[DmFishConfig]):
    """A fish in water."""

    domain, variant = "fish", "upright"
    substeps = 10
    measured: ClassVar[Measured] = {
        "torso up": ("axis", "torso"),
        "mouth place": ("geom", "mouth"),
        "target place": ("geom", "target"),
    }

    def upright(self, sensors: Sensors) -> Rewards:
        """Return the cosine of the torso's angle from upright."""
        return np.asarray(sensors[..., self.sensor("torso up")][..., 2])


class DmFishUpright(DmFish):
    """Turn upright in water."""

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states, controls
        return tolerance(self.upright(sensors), (1.0, 1.0), 1.0)


class DmFishSwim(DmFish):
    """Swim to a target."""

    variant, drawn = "swim", ("geom_pos",)

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the suite's reward."""
        del states, controls
        radii = float(self.model.geom("mouth").size[0] + self.model.geom("target").size[0])
        near = tolerance(self._distance(sensors), (0, radii), 2 * radii)
        return np.asarray((7 * near + 0.5 * (self.upright(sensors) + 1)) / 8)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distance."""
        del states, controls
        return -self._distance(sensors)

    def _distance(self, sensors: Sensors) -> Rewards:
        mouth, target = self.sensor("mouth place"), self.sensor("target place")
        return np.asarray(np.linalg.norm(sensors[..., target] - sensors[..., mouth], axis=-1))
