"""judo's fields of arrays, norms and quaternions: the same formulas in our own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from taskloom_control.errors import ControlError

Numbers = Sequence[float] | float | None


def np_1d_field(  # noqa: PLR0917 -- judo's own parameters, in its order
    array: np.ndarray,
    names: Sequence[str] | None = None,
    mins: Numbers = None,
    maxs: Numbers = None,
    steps: Numbers = None,
    vis_name: str | None = None,
    xyz_vis_indices: Sequence[int | None] | None = None,
    xyz_vis_defaults: Sequence[float] = (0.0, 0.0, 0.0),
) -> Any:  # noqa: ANN401 -- a dataclass field stands for its value
    """Return a dataclass field with an array of one axis as its default, and the ranges of its sliders.

    Raises:
        ControlError: The array has several axes, or a list has another length.
    """
    values = np.asarray(array)
    if values.ndim != 1:
        raise ControlError(f"An array field has one axis; this one has {values.ndim}.")
    for what, given in (("names", names), ("mins", mins), ("maxs", maxs), ("steps", steps)):
        if isinstance(given, Sequence) and len(given) != values.size:
            raise ControlError(f"{what} has {len(given)} entries; the array has {values.size}.")
    shown: dict[str, object] = {
        "names": names,
        "mins": mins,
        "maxs": maxs,
        "steps": steps,
        "name": vis_name,
    }
    shown |= {"indices": xyz_vis_indices, "defaults": xyz_vis_defaults}
    return field(default_factory=values.copy, metadata={"sliders": shown})


def smooth_l1_norm(values: np.ndarray, p: float) -> np.ndarray:
    """Return sqrt(x^2 + p^2) - p."""
    return np.asarray(np.sqrt(np.power(values, 2) + p**2) - p)


def quadratic_norm(values: np.ndarray) -> np.ndarray:
    """Return half the squared length along the last axis."""
    return np.asarray(0.5 * np.square(values).sum(-1))


def quat_inv(u: np.ndarray) -> np.ndarray:
    """Return the inverses of unit quaternions (w, x, y, z)."""
    return np.asarray(u * np.array([1, -1, -1, -1]))


def quat_mul(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the products of quaternions, whose leading axes are broadcast."""
    a, b, c, d = (u[..., i] for i in range(4))
    e, f, g, h = (v[..., i] for i in range(4))
    return np.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        axis=-1,
    )


def quat_diff(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return u* v, the turn from one orientation to another."""
    return quat_mul(quat_inv(u), v)


def safe_normalize_axis(axis: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    """Return unit vectors; the first axis where a vector is shorter than `eps`."""
    norm = np.linalg.norm(axis, axis=-1)
    short = norm < eps
    unit = axis / np.where(short, 1.0, norm)[..., None]
    return np.where(short[..., None], np.array([1.0, 0.0, 0.0]), unit)


def axis_angle_diff(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return angle in [0, pi] and axis of the turn from one orientation to another."""
    turn = quat_diff(u, v)
    angle = 2.0 * np.arctan2(np.linalg.norm(turn[..., 1:], axis=-1), turn[..., 0])
    axis, far = safe_normalize_axis(turn[..., 1:]), angle > np.pi
    return np.where(far, 2 * np.pi - angle, angle), np.where(far[..., None], -axis, axis)


def quat_diff_so3(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the rotation vector of the turn from one orientation to another."""
    turn = quat_diff(u, v)
    angle = 2.0 * np.arctan2(np.linalg.norm(turn[..., 1:], axis=-1), turn[..., 0])
    angle = np.where(angle > np.pi, angle - 2 * np.pi, angle)
    return np.asarray(safe_normalize_axis(turn[..., 1:]) * angle[..., None])


def quat_vel(u: np.ndarray, v: np.ndarray, dt: float) -> np.ndarray:
    """Return the angular velocity that turns one orientation into another within a time."""
    return 2.0 * quat_mul(quat_inv(u), (v - u) / dt)[..., 1:]
