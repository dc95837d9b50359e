"""Names of the columns of a recorded trajectory."""

from __future__ import annotations

import mujoco

from taskloom_control.mjcf.physics import trace_columns

_FREE, _BALL = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_BALL)
_QUATERNION, _TURN = ("qw", "qx", "qy", "qz"), ("wx", "wy", "wz")


def column_labels(model: mujoco.MjModel) -> dict[str, list[str]]:
    """Return the names of the columns of `qpos`, `qvel` and `control`, and of the points that the fan traces.

    Args:
        model: The model that the controller plans with, in whose order everything is recorded.
    """
    positions: list[str] = []
    velocities: list[str] = []
    for joint in range(model.njnt):
        name = _name(model, mujoco.mjtObj.mjOBJ_JOINT, joint, "joint")
        kind = int(model.jnt_type[joint])
        if kind == _FREE:
            positions += [f"{name} {part}" for part in ("x", "y", "z", *_QUATERNION)]
            velocities += [f"{name} {part}" for part in ("vx", "vy", "vz", *_TURN)]
        elif kind == _BALL:
            positions += [f"{name} {part}" for part in _QUATERNION]
            velocities += [f"{name} {part}" for part in _TURN]
        else:
            positions.append(name)
            velocities.append(name)
    actuator = mujoco.mjtObj.mjOBJ_ACTUATOR
    controls = [_name(model, actuator, i, "control") for i in range(model.nu)]
    traces = [name.removeprefix("trace").lstrip("_") or name for name in trace_columns(model)]
    return {"qpos": positions, "qvel": velocities, "control": controls, "trace": traces}


def _name(model: mujoco.MjModel, kind: mujoco.mjtObj, index: int, word: str) -> str:
    return mujoco.mj_id2name(model, kind, index) or f"{word} {index}"
