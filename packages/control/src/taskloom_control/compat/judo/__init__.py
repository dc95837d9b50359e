"""judo's names in one module: `from judo... import` becomes `from taskloom_control.compat.judo import`."""

from __future__ import annotations

from pathlib import Path

from taskloom_control.compat.judo.arrays import (
    axis_angle_diff as axis_angle_diff,
    np_1d_field as np_1d_field,
    quadratic_norm as quadratic_norm,
    quat_diff as quat_diff,
    quat_diff_so3 as quat_diff_so3,
    quat_inv as quat_inv,
    quat_mul as quat_mul,
    quat_vel as quat_vel,
    safe_normalize_axis as safe_normalize_axis,
    smooth_l1_norm as smooth_l1_norm,
)
from taskloom_control.compat.judo.config import (
    OverridableConfig as OverridableConfig,
    TaskConfig as TaskConfig,
    set_config_overrides as set_config_overrides,
    slider as slider,
)
from taskloom_control.compat.judo.models import models_folder
from taskloom_control.compat.judo.task import (
    Task as Task,
    get_registered_tasks as get_registered_tasks,
    register_task as register_task,
)


def __getattr__(name: str) -> Path:
    """Return the folder of judo's models when it is asked for: without one, only those who need it are told."""
    if name == "MODEL_PATH":
        return models_folder()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
