"""Common part of the two tasks of turning a cube in a hand: all but the model, where the cube belongs and how fingers bend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, TypeVar

import numpy as np

from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.task import Array, Metadata, StagedTask
from taskloom_control.tasks.costs import Weight, square_length

# A goal is reached within this angle [rad]; the cube is lost below this height [m], seen from the palm.
REACHED, LOST = 0.4, -0.3
# The task is solved by this many goals in a row, with the cube within this distance of its place [m].
IN_A_ROW, IN_HAND = 2, 0.08
# What `userdata` remembers: all goals reached, those since the cube was last lost, and the key of the episode's goals.
_ALL, _ROW, _KEY = 0, 1, 2


def turn_between(states: Array, goal: Array) -> Array:
    """Return the angle [rad] by which the cube's orientation differs from the goal's.

    Args:
        states: Positions and velocities, the cube's free joint first, shape (..., nq + nv).
        goal: The goal's quaternion, shape (4,).
    """
    xp = states.__array_namespace__()
    turns = xp.asarray(goal)
    # Written out, because NumPy is slow at reducing so short an axis.
    same = states[..., 3] * turns[0] + states[..., 4] * turns[1]
    same = abs(same + states[..., 5] * turns[2] + states[..., 6] * turns[3])
    # atan2 keeps its precision near zero, where acos loses half of the digits.
    rest = xp.maximum(1.0 - same * same, xp.zeros_like(same))
    return 2.0 * xp.atan2(rest**0.5, same)


class CubeConfig(ControlConfig):
    """The cost of turning the cube."""

    w_position: Weight = 100.0
    """Weight of the squared distance of the cube from its place."""
    w_turn: Weight = 0.1
    """Weight of the squared angle between the cube and the goal."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, spline="cubic")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, sigma=0.2, ess=3, noise_ramp=2.0, keep=0)
    """Optimizer of the plan."""


C = TypeVar("C", bound=CubeConfig)


class CubeInHand(StagedTask[C]):
    """Turn a cube to random orientations, one after another; the controls are the angles of sixteen joints.

    Attributes:
        place: Where the cube should be [m].
        pose: Angles of a finger that is bent around the cube: side, first, second and third joint [rad].
    """

    place: ClassVar[tuple[float, float, float]]
    pose: ClassVar[tuple[float, float, float, float]]

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: C,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step, divided by the number of steps as judo does."""
        xp, steps = states.__array_namespace__(), states.shape[1]
        goal = (system_metadata or {}).get("goal", (1.0, 0.0, 0.0, 0.0))
        gap = states[..., 0:3] - xp.asarray(self.place)
        angle = turn_between(states, goal)
        return {
            "position": (0.5 * config.w_position / steps) * square_length(gap),
            "turn": (0.5 * config.w_turn / steps) * angle * angle,
        }

    def get_sim_metadata(self) -> Metadata:
        """Return the orientation that the cube should have."""
        return {"goal": self.view.mocap_quat("goal").copy()}

    def optimizer_warm_start(self) -> np.ndarray:
        """Bend the fingers around the cube."""
        return np.tile(self.pose, 4)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin with the cube in its place, turned about the vertical, and a random goal."""
        turn = rng.uniform(-math.pi / 4, math.pi / 4)
        cube = (*self.place, math.cos(turn / 2), 0.0, 0.0, math.sin(turn / 2))
        self.view.qpos = (*cube, *(self.pose * 4))
        # A float holds so large a key exactly.
        self.data.userdata[_KEY] = rng.integers(1 << 53)
        self._next_goal()

    def post_sim_step(self) -> None:
        """Count a goal that is reached and choose the next; put back a cube that was lost, and count anew."""
        remembered = self.data.userdata
        if is_turned(self.view.qpos, self.view.mocap_quat("goal")):
            remembered[_ALL] += 1
            remembered[_ROW] += 1
            self._next_goal()
        if self.view.qpos[2] < LOST:
            self.view.qpos = (*self.place, 1.0, 0.0, 0.0, 0.0, *self.view.qpos[7:])
            self.view.qvel = (*np.zeros(6), *self.view.qvel[6:])
            remembered[_ROW] = 0

    def _next_goal(self) -> None:
        """Set the goal to a uniformly random orientation, told by the episode's key and the number of goals so far."""
        # A counter instead of a generator: the episode is then told by the state of the physics alone.
        remembered = self.data.userdata
        rng = np.random.default_rng((int(remembered[_KEY]), int(remembered[_ALL])))
        quaternion = rng.standard_normal(4)
        self.view.mocap_quat("goal")[:] = quaternion / np.linalg.norm(quaternion)

    def success(self) -> bool:
        """At least two goals in a row have been reached, and the hand still has the cube."""
        near = math.dist(self.view.qpos[:3], self.place) < IN_HAND
        return bool(self.data.userdata[_ROW] >= IN_A_ROW and near)

    def goal(self) -> np.ndarray:
        """Return the orientation that the cube should have, a quaternion."""
        return self.view.mocap_quat("goal").copy()

    def achieved_goal(self) -> np.ndarray:
        """Return the cube's orientation, a quaternion."""
        return self.view.qpos[3:7].copy()

    def goal_distance(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Return the angles between orientations [rad]."""
        same = abs((np.asarray(achieved) * np.asarray(desired)).sum(axis=-1))
        return np.asarray(2.0 * np.arccos(np.minimum(1.0, same)))

    def episode_metrics(self) -> Mapping[str, float]:
        """Return how many goals were reached."""
        return {"goals": float(self.data.userdata[_ALL])}


def is_turned(qpos: np.ndarray, goal: np.ndarray) -> bool:
    """Return whether the cube is turned as the goal is.

    Args:
        qpos: Positions, the cube's free joint first.
        goal: The goal's quaternion, shape (4,).
    """
    same = abs(float(qpos[3:7] @ goal))
    return 2.0 * math.acos(min(1.0, same)) < REACHED
