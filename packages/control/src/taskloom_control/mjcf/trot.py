"""A trot of the shipped quadruped, made by geometry: diagonal legs step together while the trunk moves level and ahead.

A foot stands where its hip will be in the middle of the stance, and swings along a cycloid to the next place. The angles of a leg
with two equal links follow from its foot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    Moments = Float[np.ndarray, " N"]

# Read off quadruped.xml: length of thigh and shin [m], height of the trunk above the centres of the feet [m].
_LINK, _HEIGHT, _FOOT = 0.22, 0.305, 0.026
# Period of a step [s], share of it on the ground, height of a swing [m], and time until the speed is reached [s].
_PERIOD, _STANCE, _LIFT, _RAMP = 0.5, 0.6, 0.05, 1.0
_LEGS = ("front_left", "front_right", "rear_left", "rear_right")
_PHASE = (0.0, 0.5, 0.5, 0.0)


def trot(seconds: float, speed: float, dt: float = 0.01) -> dict[str, np.ndarray]:
    """Return a trot as the arrays of a reference: `time`, `qpos` and `joint_names`.

    Args:
        seconds: Its length.
        speed: Speed that is reached after a second [m/s].
        dt: Time between two poses [s].
    """
    time = np.arange(round(seconds / dt) + 1) * dt
    names, columns = ["root"], [trunk_place(time, speed), np.zeros_like(time)]
    columns += [np.full_like(time, _HEIGHT + _FOOT), np.ones_like(time)]
    columns += [np.zeros_like(time)] * 3
    for leg, phase in zip(_LEGS, _PHASE, strict=True):
        swing, knee = leg_angles(*foot_place(time, speed, phase))
        names += [f"{leg}_abduction", f"{leg}_swing", f"{leg}_knee"]
        columns += [np.zeros_like(time), swing, knee]
    return {"time": time, "qpos": np.stack(columns, axis=1), "joint_names": np.array(names)}


def trunk_place(time: Moments, speed: float) -> Moments:
    """Return the way of the trunk [m], which speeds up evenly at first."""
    return np.where(time < _RAMP, 0.5 * speed * time**2 / _RAMP, speed * (time - 0.5 * _RAMP))


def foot_place(time: Moments, speed: float, phase: float) -> tuple[Moments, Moments]:
    """Return where a foot is ahead of its hip and how high above the ground [m]."""
    cycle = time / _PERIOD + phase
    number, share = np.floor(cycle), cycle % 1.0
    # The stance of a cycle is its first part; the foot stands below the hip in the middle of it.
    middle = (number - phase + 0.5 * _STANCE) * _PERIOD
    here = trunk_place(np.maximum(middle, 0.0), speed)
    there = trunk_place(np.maximum(middle + _PERIOD, 0.0), speed)
    swing = np.clip((share - _STANCE) / (1 - _STANCE), 0.0, 1.0)
    moved = swing - np.sin(2 * np.pi * swing) / (2 * np.pi)
    # Where nothing moves yet no foot is lifted.
    lift = _LIFT * np.minimum(1.0, time / _RAMP) * 0.5 * (1 - np.cos(2 * np.pi * swing))
    return here + (there - here) * moved - trunk_place(time, speed), lift


def leg_angles(ahead: Moments, lift: Moments) -> tuple[Moments, Moments]:
    """Return the angles of thigh and knee [rad] that put a foot ahead of the hip and above the ground [m]."""
    down = _HEIGHT - lift
    reach = np.minimum(np.hypot(ahead, down), 1.98 * _LINK)
    knee = -2.0 * np.arccos(reach / (2 * _LINK))
    return np.arctan2(-ahead, down) - knee / 2, knee
