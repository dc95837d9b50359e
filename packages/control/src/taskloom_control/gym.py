"""Gymnasium ids of the control tasks.

Importing this module registers every installed task as `taskloom/<name>-v0`, so that
`gymnasium.make("taskloom_control.gym:taskloom/cartpole-v0")` needs no import of one's own.
"""

from __future__ import annotations

import gymnasium
from taskloom.registry import tasks_of

from taskloom_control.exports.gymnasium import ControlEnv, make_env

__all__ = ["NAMESPACE", "ControlEnv", "make_env", "register"]

NAMESPACE = "taskloom"


def register() -> None:
    """Register every installed control task with gymnasium, once."""
    for entry in tasks_of("control"):
        name = f"{NAMESPACE}/{entry.ref.name}-v0"
        if name not in gymnasium.registry:
            entry_point = "taskloom_control.exports.gymnasium:make_env"
            gymnasium.register(id=name, entry_point=entry_point, kwargs={"name": entry.ref.name})


register()
