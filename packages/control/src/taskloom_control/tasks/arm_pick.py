"""Pick up a cube, carry it to a goal, put it down, and go home, in the four phases of judo's fr3_pick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from taskloom import Unit

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig, Seconds
from taskloom_control.mjcf.files import model_path
from taskloom_control.optimizers.cem import CEM
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, half_square, length, smooth_absolute

if TYPE_CHECKING:
    import mujoco

LIFT, MOVE, PLACE, HOMING = range(4)
GOAL = (0.6, 0.4)
# Height of the cube's middle on the table [m], and the opening of each finger [m].
ON_TABLE, OPEN = 0.02, 0.04
# The hand closes when the fingers meet within this distance of the cube's middle [m].
NEAR = 0.018
# A cube counts as in the air above this height of its middle [m]; one that is tilted on its edge stays below it.
IN_AIR = 0.03
# The hand opens below this height of the cube's middle at the goal [m].
RELEASE = 0.04
HOME = (0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854, OPEN, OPEN)


def clearance(aside: Array) -> Array:
    """Return how high above the cube [m] the hand should be at a distance to its side: a funnel down onto the cube."""
    xp = aside.__array_namespace__()
    return xp.minimum(
        4.0 * xp.maximum(aside - 0.015, xp.zeros_like(aside)), xp.full_like(aside, 0.06)
    )


class ArmPickConfig(ControlConfig):
    """The costs of the four phases."""

    w_reach: Weight = 10.0
    """Lifting, moving and placing: weight of the hand's distance from where it should be at the cube."""
    w_grip: Weight = 3.0
    """Weight of the squared distance of the fingers from open or closed, as a share of their way."""
    w_lift_height: Weight = 10.0
    """Lifting: weight of the cube's distance from the height to lift it to."""
    w_move_goal: Weight = 4.0
    """Moving: weight of the cube's distance from the goal in the plane."""
    w_move_height: Weight = 4.0
    """Moving: weight of the cube's distance from the height to carry it at."""
    w_place_goal: Weight = 8.0
    """Placing and homing: weight of the cube's distance from the goal in the plane."""
    w_place_table: Weight = 4.0
    """Placing: weight of the cube's distance from the table."""
    w_home: Weight = 1.0
    """Homing: weight of the distance of the seven joints from home."""
    w_upright: Weight = 5.0
    """Weight of the hand's turn away from pointing down."""
    w_velocity: Weight = 0.02
    """Weight of the speed, which falls to nothing along the horizon."""
    w_squeeze: Weight = 0.02
    """Weight of the squared force of the fingers, as a share of its bound."""
    goal_radius: Annotated[float, Field(gt=0, le=0.2), Unit("m")] = 0.05
    """Distance to the goal that is near enough."""
    pick_height: Annotated[float, Field(gt=0, le=1), Unit("m")] = 0.3
    """Height to lift the cube to."""
    carry_height: Annotated[float, Field(gt=0, le=1), Unit("m")] = 0.1
    """Height to carry the cube at."""
    seconds: Seconds = 15.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.5, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = CEM(
        num_rollouts=40,
        num_nodes=3,
        num_elites=5,
        keep=3,
        sigma_start=0.1,
        sigma_min=0.02,
        sigma_max=0.3,
    )
    """Optimizer of the plan."""


class ArmPick(StagedTask[ArmPickConfig]):
    """Pick and place a cube; the controls are the angles of seven joints and the opening of the hand."""

    model_path = model_path("arm_pick")

    def __init__(self, config: ArmPickConfig) -> None:
        super().__init__(config)
        self.phase = LIFT
        self.closing = False

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ArmPickConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        xp = states.__array_namespace__()
        cube, q = states[..., 0:3], states[..., 7:16]
        grasp = sensors[..., self.sensor("trace_grasp")]
        fade = xp.linspace(1.0, 0.0, states.shape[1])
        tilt = sensors[..., self.sensor("down")] + xp.asarray((0.0, 0.0, 1.0))
        speed = states[..., 16:]
        terms = {
            "upright": config.w_upright * half_square(tilt),
            "velocity": config.w_velocity * fade * half_square(speed[..., 6:]),
            "squeeze": config.w_squeeze * controls[..., 7] ** 2,
        }
        to_goal = smooth_absolute(length(cube[..., :2] - xp.asarray(GOAL)), 0.02)
        opening = q[..., 7] / OPEN
        if self.phase == HOMING:
            home = half_square(q[..., :7] - xp.asarray(HOME[:7]))
            terms["home"] = config.w_home * (home * 2.0 + 0.01) ** 0.5
            terms["goal"] = config.w_place_goal * to_goal
            terms["grip"] = config.w_grip * (opening - 1.0) ** 2
            return terms
        aside = length(grasp[..., :2] - cube[..., :2])
        height = grasp[..., 2] - cube[..., 2]
        low = xp.maximum(clearance(aside) - height, xp.zeros_like(height))
        terms["reach"] = config.w_reach * (length(grasp - cube, 0.002) + 2.0 * low)
        terms["grip"] = config.w_grip * (opening - (0.0 if self.closing else 1.0)) ** 2
        if self.phase == LIFT:
            terms["height"] = config.w_lift_height * abs(cube[..., 2] - config.pick_height)
        elif self.phase == MOVE:
            terms["goal"] = config.w_move_goal * to_goal
            carry = smooth_absolute(cube[..., 2] - config.carry_height, 0.02)
            terms["height"] = config.w_move_height * carry
        else:
            terms["goal"] = config.w_place_goal * to_goal
            terms["table"] = config.w_place_table * abs(cube[..., 2] - ON_TABLE)
        return terms

    def pre_rollout(self, curr_state: np.ndarray, config: ArmPickConfig) -> None:
        """Find the phase that the current state is in."""
        height = curr_state[2]
        at_goal = math.dist(curr_state[:2], GOAL) <= config.goal_radius
        in_air = height > IN_AIR
        if in_air:
            self.phase = PLACE if at_goal else MOVE
        else:
            self.phase = HOMING if at_goal else LIFT
        if self.phase == LIFT:
            self.closing = math.dist(self._grasp(curr_state), curr_state[:3]) < NEAR
        else:
            # Let go just above the table: a cube that is held askew cannot be brought lower.
            self.closing = self.phase == MOVE or (self.phase == PLACE and height > RELEASE)

    @cached_property
    def _scratch(self) -> mujoco.MjData:
        """A state of its own to find the hand in: `data` belongs to the simulation."""
        import mujoco  # MuJoCo is heavy

        return mujoco.MjData(self.model)

    def _grasp(self, state: np.ndarray) -> np.ndarray:
        """Return where the fingers meet in a state, shape (3,)."""
        import mujoco  # MuJoCo is heavy

        self._scratch.qpos[:] = state[: self.model.nq]
        mujoco.mj_kinematics(self.model, self._scratch)
        found: np.ndarray = self._scratch.site("grasp").xpos.copy()
        return found

    def optimizer_warm_start(self) -> np.ndarray:
        """Stay at home with the hand open."""
        return np.array([*HOME[:7], 0.0])

    def reset(self, rng: np.random.Generator) -> None:
        """Begin at home, with the cube within five centimetres of its place."""
        place = rng.normal((0.6, 0.0), 0.025)
        self.view.qpos = (*place, ON_TABLE, 1.0, 0.0, 0.0, 0.0, *HOME)

    def success(self) -> bool:
        """The cube lies on the table at the goal, and the hand has let go of it."""
        place, height = self.view.qpos[:2], self.view.qpos[2]
        grasp = self.view.sensor("trace_grasp")
        away = math.dist(grasp, self.view.qpos[:3]) > 0.05
        near = math.dist(place, GOAL) <= self.config.goal_radius
        return bool(near and height < ON_TABLE + 0.005 and away)
