"""What the two tasks of turning a cube in a hand share: the cost, the goals, and how they are counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from taskloom_control.arrays import Array

if TYPE_CHECKING:
    import mujoco

# A goal is reached within this angle [rad]; the cube is lost below this height [m], seen from the palm.
REACHED, LOST = 0.4, -0.3
# The task is solved by this many goals in a row, with the cube within this distance of its place [m].
IN_A_ROW, IN_HAND = 2, 0.08
# What `userdata` remembers: all goals reached, and those since the cube was last lost.
_ALL, _ROW = 0, 1


def turn_between(states: Array, goal: Array) -> Array:
    """Return the angle [rad] by which the cube's orientation differs from the goal's.

    Args:
        states: Positions and velocities, the cube's free joint first, shape (..., nq + nv).
        goal: The goal's quaternion, shape (4,).
    """
    xp = states.__array_namespace__()
    same = abs((states[..., 3:7] * xp.asarray(goal)).sum(axis=-1))
    # atan2 keeps its precision near zero, where acos loses half of the digits.
    rest = xp.maximum(1.0 - same * same, xp.zeros_like(same))
    return 2.0 * xp.atan2(rest**0.5, same)


def cube_costs(
    states: Array, place: tuple[float, float, float], goal: Array, weights: tuple[float, float]
) -> Mapping[str, Array]:
    """Return the terms of the cost per step, divided by the number of steps as judo does.

    Args:
        states: Positions and velocities, shape (R, T, nq + nv).
        place: Where the cube should be [m].
        goal: How it should be turned, a quaternion.
        weights: Weights of the squared distance and the squared angle.
    """
    xp, steps = states.__array_namespace__(), states.shape[1]
    gap = states[..., 0:3] - xp.asarray(place)
    angle = turn_between(states, goal)
    return {
        "position": (0.5 * weights[0] / steps) * (gap * gap).sum(axis=-1),
        "turn": (0.5 * weights[1] / steps) * angle * angle,
    }


def next_goal(data: mujoco.MjData, seed: int) -> None:
    """Set the goal's orientation to a uniformly random one, the number of goals reached so far telling which."""
    import numpy as np  # not needed for names and help

    # A counter instead of a generator: the episode is then told by the state of the physics alone.
    rng = np.random.default_rng((seed, int(data.userdata[_ALL])))
    quaternion = rng.standard_normal(4)
    data.mocap_quat[0] = quaternion / np.linalg.norm(quaternion)


def reached(data: mujoco.MjData) -> bool:
    """Say whether the cube is turned as the goal is."""
    same = abs(float(data.qpos[3:7] @ data.mocap_quat[0]))
    return 2.0 * math.acos(min(1.0, same)) < REACHED


def put_back(data: mujoco.MjData, start: tuple[float, ...]) -> None:
    """Put a lost cube back where it began, at rest."""
    data.qpos[:7] = start
    data.qvel[:6] = 0.0


def advance(data: mujoco.MjData, seed: int, start: tuple[float, ...]) -> None:
    """Count a goal that is reached and choose the next; put back a cube that was lost, and count anew."""
    if reached(data):
        data.userdata[_ALL] += 1
        data.userdata[_ROW] += 1
        next_goal(data, seed)
    if data.qpos[2] < LOST:
        put_back(data, start)
        data.userdata[_ROW] = 0


def solved(data: mujoco.MjData, place: tuple[float, float, float]) -> bool:
    """Say whether enough goals were reached in a row and the hand still has the cube."""
    return bool(data.userdata[_ROW] >= IN_A_ROW and math.dist(data.qpos[:3], place) < IN_HAND)
