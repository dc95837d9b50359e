"""Every field of a simulation's state by name: what a checkpoint has to hold where the integration state is not enough."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

from taskloom_control.errors import ModelError

# Fields that MuJoCo keeps for itself: memory, clocks of its own, threads.
_OWN = {
    "threadpool",
    "signature",
    "narena",
    "nbuffer",
    "nplugin",
    "parena",
    "pbase",
    "pstack",
    "maxuse_arena",
}
_OWN |= {"maxuse_stack", "timer"}


def whole_state(data: mujoco.MjData) -> dict[str, np.ndarray]:
    """Return every settable array and number of MuJoCo's state by name."""
    found = {name: np.array(getattr(data, name)) for name in _fields(data.model, data)}
    found["warning_number"] = np.array([w.number for w in data.warning])
    return found


def put_whole_state(data: mujoco.MjData, saved: Mapping[str, np.ndarray]) -> None:
    """Take over what `whole_state` returned.

    Raises:
        ModelError: A field has another size; the state is that of another model.
    """
    for name in _fields(data.model, data):
        if name not in saved:
            continue
        mine, value = getattr(data, name), saved[name]
        if np.shape(mine) != value.shape:
            raise ModelError(
                f"The checkpoint's {name} has the shape {value.shape} and the model's {np.shape(mine)}: the model changed."
            )
        if isinstance(mine, np.ndarray):
            mine[...] = value
        else:
            setattr(data, name, value.item())
    for warning, number in zip(data.warning, saved.get("warning_number", ()), strict=False):
        warning.number = int(number)


def _fields(model: mujoco.MjModel, data: mujoco.MjData) -> list[str]:
    """Return the names of the fields that are numbers, or arrays of the model's own size.

    What lies in the arena is empty in a fresh state, and made anew by every step.
    """
    fresh, found = mujoco.MjData(model), []
    for name in dir(data):
        if name.startswith("_") or name in _OWN:
            continue
        value = getattr(fresh, name)
        is_array = isinstance(value, np.ndarray) and value.size and value.dtype != object
        if is_array or isinstance(value, bool | int | float):
            found.append(name)
    return found
