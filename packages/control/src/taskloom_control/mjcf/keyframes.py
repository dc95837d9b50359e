"""The start of an episode at a keyframe of the model."""

from __future__ import annotations

import mujoco
from taskloom.registry.suggest import did_you_mean

from taskloom_control.errors import ModelError

HOME, NONE = "home", "none"


def keyframe_names(model: mujoco.MjModel) -> list[str]:
    """Return the names of a model's keyframes, empty for those without one."""
    kind = mujoco.mjtObj.mjOBJ_KEY
    return [mujoco.mj_id2name(model, kind, i) or "" for i in range(model.nkey)]


def chosen_keyframe(model: mujoco.MjModel, asked: str) -> str:
    """Return the keyframe that an episode begins at, empty for the model's own start.

    Args:
        model: The simulated model.
        asked: A name; empty takes `home` if the model has it, and `none` takes the model's own start.

    Raises:
        ModelError: The model has no such keyframe; the sentence lists those that it has.
    """
    names = keyframe_names(model)
    if asked == NONE:
        return ""
    if not asked:
        return HOME if HOME in names else ""
    if asked not in names:
        known = [name for name in names if name]
        hint = did_you_mean(asked, known) or f"it has: {', '.join(known) or 'none'}."
        raise ModelError(f"The model has no keyframe called '{asked}'; {hint}")
    return asked


def begin_at(model: mujoco.MjModel, data: mujoco.MjData, asked: str) -> None:
    """Put a simulation at a keyframe, positions, velocities, activations, controls and mocap poses; or at the model's start.

    Raises:
        ModelError: The model has no such keyframe.
    """
    name = chosen_keyframe(model, asked)
    if name:
        mujoco.mj_resetDataKeyframe(model, data, keyframe_names(model).index(name))
    else:
        mujoco.mj_resetData(model, data)
