"""A motion to follow: positions of a model's joints over time, and where its bodies are then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from taskloom.arrays import load_npz
from taskloom.errors import TaskloomError
from taskloom.registry.suggest import did_you_mean

from taskloom_control.errors import ModelError

if TYPE_CHECKING:
    from jaxtyping import Float

_WIDTHS = {0: 7, 1: 4, 2: 1, 3: 1}
"""Positions of a joint by MuJoCo's type: free, ball, slide, hinge."""


@dataclass(frozen=True)
class Motion:
    """A motion of a model, in its own order.

    Attributes:
        model: The model.
        time: Times [s], rising, shape (N,).
        qpos: Positions at those times, shape (N, nq).
        qvel: Velocities likewise, shape (N, nv).
        bodies: Bodies that are followed, by number.
        loop: Whether the motion begins anew after its end; it holds its last pose otherwise.
    """

    model: mujoco.MjModel
    time: Float[np.ndarray, " N"]
    qpos: Float[np.ndarray, "N nq"]
    qvel: Float[np.ndarray, "N nv"]
    bodies: np.ndarray
    loop: bool = False

    def at(
        self, moments: Float[np.ndarray, " T"]
    ) -> tuple[Float[np.ndarray, "T nq"], Float[np.ndarray, "T nv"], Float[np.ndarray, "T B 3"]]:
        """Return positions, velocities and the followed bodies' places at times [s]; between two poses along the geodesic."""
        model, data = self.model, mujoco.MjData(self.model)
        first, last = float(self.time[0]), float(self.time[-1])
        inside = (moments - first) % (last - first) + first if self.loop else moments
        inside = np.clip(inside, first, last)
        index = np.clip(np.searchsorted(self.time, inside, side="right") - 1, 0, len(self.time) - 2)
        share = (inside - self.time[index]) / (self.time[index + 1] - self.time[index])
        qpos = np.empty((len(moments), model.nq))
        places = np.empty((len(moments), len(self.bodies), 3))
        step = np.empty(model.nv)
        for k, (i, part) in enumerate(zip(index, share, strict=True)):
            mujoco.mj_differentiatePos(model, step, 1.0, self.qpos[i], self.qpos[i + 1])
            pose = self.qpos[i].copy()
            mujoco.mj_integratePos(model, pose, step, float(part))
            qpos[k] = data.qpos[:] = pose
            mujoco.mj_kinematics(model, data)
            places[k] = data.xpos[self.bodies]
        weight = share[:, None]
        qvel = (1 - weight) * self.qvel[index] + weight * self.qvel[index + 1]
        if not self.loop:
            qvel[moments > last] = 0.0
        return qpos, qvel, places

    def distances(
        self, moments: Float[np.ndarray, " T"], qpos: Float[np.ndarray, "T nq"]
    ) -> Float[np.ndarray, " T"]:
        """Return the mean distance of the followed bodies from where they should be [m], given positions at times."""
        data, (_, _, places) = mujoco.MjData(self.model), self.at(moments)
        found = np.empty(len(moments))
        for k, pose in enumerate(qpos):
            data.qpos[:] = pose
            mujoco.mj_kinematics(self.model, data)
            found[k] = np.linalg.norm(data.xpos[self.bodies] - places[k], axis=-1).mean()
        return found


def joint_names(model: mujoco.MjModel) -> list[str]:
    """Return the names of a model's joints; an unnamed one goes by its body."""
    return [
        model.joint(i).name or f"joint of {model.body(int(model.jnt_bodyid[i])).name}"
        for i in range(model.njnt)
    ]


def read_motion(model: mujoco.MjModel, path: Path, *, loop: bool) -> Motion:
    """Read a motion from `time` (N,), `qpos` (N, n), `joint_names` and, if there is one, `qvel` of a file.

    Args:
        model: The model that follows it.
        path: The file, npz.
        loop: Whether it begins anew after its end.

    Raises:
        ModelError: It cannot be read, its joints are not the model's, or its arrays do not fit each other.
    """
    try:
        arrays = load_npz(path)
    except (TaskloomError, OSError, ValueError) as error:
        raise ModelError(f"The reference '{path.name}' cannot be read: {error}") from None
    lacking = [name for name in ("time", "qpos", "joint_names") if name not in arrays]
    if lacking:
        raise ModelError(
            f"The reference '{path.name}' has no array '{lacking[0]}'; it needs time, qpos and joint_names."
        )
    return motion_of(model, arrays, f"The reference '{path.name}'", loop=loop)


def motion_of(
    model: mujoco.MjModel, arrays: Mapping[str, np.ndarray], what: str, *, loop: bool
) -> Motion:
    """Return a motion in a model's order of joints.

    Args:
        model: The model.
        arrays: As in a file.
        what: The beginning of a sentence on what is wrong with it.
        loop: Whether it begins anew after its end.

    Raises:
        ModelError: Its joints are not the model's, or its arrays do not fit each other.
    """
    named = [str(name) for name in arrays["joint_names"]]
    mine = joint_names(model)
    _require_joints(what, named, mine)
    widths = [_WIDTHS[int(model.jnt_type[mine.index(name)])] for name in named]
    time, given = np.asarray(arrays["time"], float), np.asarray(arrays["qpos"], float)
    if time.ndim != 1 or len(time) < 2 or not (np.diff(time) > 0).all():
        raise ModelError(f"{what} needs two or more times that rise.")
    if given.shape != (len(time), sum(widths)) or not np.isfinite(given).all():
        raise ModelError(
            f"{what} has qpos of shape {given.shape}; {len(time)} times and its joints need finite numbers of shape "
            f"({len(time)}, {sum(widths)})."
        )
    qpos = np.empty((len(time), model.nq))
    ends = np.cumsum(widths)
    for name, width, end in zip(named, widths, ends, strict=True):
        place = int(model.jnt_qposadr[mine.index(name)])
        qpos[:, place : place + width] = given[:, end - width : end]
    for pose in qpos:
        mujoco.mj_normalizeQuat(model, pose)
    if "qvel" in arrays:
        qvel = _own_order(model, np.asarray(arrays["qvel"], float), named, mine, what)
    else:
        qvel = _speeds(model, time, qpos)
    moving = np.flatnonzero(model.body_weldid > 0)
    return Motion(model, time, qpos, qvel, moving, loop)


def _require_joints(what: str, named: Sequence[str], mine: Sequence[str]) -> None:
    for name in named:
        if name not in mine:
            hint = did_you_mean(name, list(mine)) or f"it has: {', '.join(mine)}."
            raise ModelError(f"{what} moves a joint '{name}' that the model has not; {hint}")
    for name in mine:
        if name not in named:
            raise ModelError(f"{what} does not say where the model's joint '{name}' is.")


def _own_order(
    model: mujoco.MjModel, given: np.ndarray, named: Sequence[str], mine: Sequence[str], what: str
) -> np.ndarray:
    """Return velocities in the model's order."""
    widths = [{7: 6, 4: 3, 1: 1}[_WIDTHS[int(model.jnt_type[mine.index(n)])]] for n in named]
    if given.ndim != 2 or given.shape[1] != sum(widths) or not np.isfinite(given).all():
        raise ModelError(f"{what} has qvel of shape {given.shape}; its joints need {sum(widths)}.")
    qvel = np.empty((len(given), model.nv))
    for name, width, end in zip(named, widths, np.cumsum(widths), strict=True):
        place = int(model.jnt_dofadr[mine.index(name)])
        qvel[:, place : place + width] = given[:, end - width : end]
    return qvel


def _speeds(model: mujoco.MjModel, time: np.ndarray, qpos: np.ndarray) -> np.ndarray:
    """Return velocities by central differences on the manifold of positions."""
    qvel = np.empty((len(time), model.nv))
    for i in range(len(time)):
        before, after = max(i - 1, 0), min(i + 1, len(time) - 1)
        mujoco.mj_differentiatePos(
            model, qvel[i], float(time[after] - time[before]), qpos[before], qpos[after]
        )
    return qvel
