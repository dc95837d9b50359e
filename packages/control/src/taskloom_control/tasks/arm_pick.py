"""Pick up a cube, carry it to a goal, put it down, and go home, in the four phases of judo's fr3_pick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field
from taskloom import Unit

from taskloom_control.arrays import Array
from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig, Seconds
from taskloom_control.models import model_path
from taskloom_control.optimizers.config import Mppi
from taskloom_control.task import Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, length

if TYPE_CHECKING:
    import numpy as np

LIFT, MOVE, PLACE, HOMING = range(4)
GOAL = (0.6, 0.4)
# Height of the cube's middle on the table [m], and the opening of each finger [m].
ON_TABLE, OPEN = 0.02, 0.04
HOME = (0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854, OPEN, OPEN)


class ArmPickConfig(ControlConfig):
    """The costs of the four phases."""

    w_lift_close: Weight = 1.0
    """Lifting: weight of the squared distance from the hand to the cube."""
    w_lift_height: Weight = 10.0
    """Lifting: weight of the cube's distance from the height to lift it to."""
    w_move_goal: Weight = 1.0
    """Moving: weight of the cube's distance from the goal in the plane."""
    w_move_close: Weight = 10.0
    """Moving: weight of the squared distance from the hand to the cube."""
    w_place_table: Weight = 1.0
    """Placing: weight of the cube's distance from the table."""
    w_place_goal: Weight = 1.0
    """Placing: weight of the cube's distance from the goal in the plane."""
    w_upright: Weight = 0.25
    """Weight of the hand's turn away from pointing down."""
    w_velocity: Weight = 0.005
    """Weight of the speed, which falls to nothing along the horizon."""
    w_open: Weight = 2.0
    """Weight of the squared distance of the hand from open."""
    goal_radius: Annotated[float, Field(gt=0, le=0.2), Unit("m")] = 0.05
    """How near the goal is near enough."""
    pick_height: Annotated[float, Field(gt=0, le=1), Unit("m")] = 0.3
    """Height to lift the cube to."""
    seconds: Seconds = 20.0
    """Simulated time of the closed loop."""
    controller: ControllerConfig = ControllerConfig(horizon=0.8, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = Mppi(num_rollouts=48, sigma=0.03, ess=4)
    """What improves the plan."""


class ArmPick(StagedTask[ArmPickConfig]):
    """Pick and place a cube; the controls are the angles of seven joints and the opening of the hand."""

    model_path = model_path("arm_pick")
    must_hold: ClassVar[bool] = False

    def __init__(self, config: ArmPickConfig) -> None:
        super().__init__(config)
        self.phase = LIFT

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
        near = ((grasp - cube) ** 2).sum(axis=-1)
        to_goal = length(cube[..., :2] - xp.asarray(GOAL))
        fade = xp.linspace(1.0, 0.0, states.shape[1])
        tilt = length(sensors[..., self.sensor("down")] + xp.asarray((0.0, 0.0, 1.0)))
        terms = {
            "upright": config.w_upright * tilt,
            "velocity": config.w_velocity * fade * length(states[..., 16:]),
            "open": config.w_open * (q[..., 7] - OPEN) ** 2,
        }
        if self.phase == LIFT:
            terms["close"] = config.w_lift_close * near
            terms["height"] = config.w_lift_height * abs(cube[..., 2] - config.pick_height)
        elif self.phase == MOVE:
            terms["goal"] = config.w_move_goal * to_goal
            terms["close"] = config.w_move_close * near
        elif self.phase == PLACE:
            terms["goal"] = config.w_place_goal * to_goal
            terms["table"] = config.w_place_table * abs(cube[..., 2] - ON_TABLE)
        else:
            terms["home"] = length(q - xp.asarray(HOME))
        return terms

    def pre_rollout(self, curr_state: np.ndarray, config: ArmPickConfig) -> None:
        """Find the phase that the current state is in."""
        height = curr_state[2]
        at_goal = math.dist(curr_state[:2], GOAL) <= config.goal_radius
        in_air = height > ON_TABLE + 1e-3
        if in_air:
            self.phase = PLACE if at_goal else MOVE
        else:
            self.phase = HOMING if at_goal else LIFT

    def optimizer_warm_start(self) -> np.ndarray:
        """Stay at home with the hand open."""
        import numpy as np  # not needed for names and help

        return np.array([*HOME[:7], OPEN])

    def reset(self, rng: np.random.Generator) -> None:
        """Begin at home, with the cube within five centimetres of its place."""
        self.data.qpos[:2] = rng.normal((0.6, 0.0), 0.025)
        self.data.qpos[2] = ON_TABLE
        self.data.qpos[7:] = HOME

    def success(self) -> bool:
        """The cube lies on the table at the goal, and the hand has let go of it."""
        place, height = self.data.qpos[:2], self.data.qpos[2]
        grasp = self.data.sensordata[self.sensor("trace_grasp")]
        away = math.dist(grasp, self.data.qpos[:3]) > 0.05
        near = math.dist(place, GOAL) <= self.config.goal_radius
        return bool(near and height < ON_TABLE + 0.005 and away)
