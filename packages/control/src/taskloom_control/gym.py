"""Gymnasium ids of the control tasks.

Importing this module registers every installed task as `taskloom/<name>-v1`, so that
`gymnasium.make("taskloom_control.gym:taskloom/cartpole-v1")` needs no import of one's own. `-v0` hides the goal, as it did before
there was one in the observation.
"""

from __future__ import annotations

import gymnasium
from taskloom.registry.discovery import tasks_of

from taskloom_control.exports.gymnasium import ControlEnv, make_env

__all__ = ["NAMESPACE", "ControlEnv", "make_env", "register"]

NAMESPACE = "taskloom"


def register() -> None:
    """Register every installed control task with gymnasium, once."""
    for entry in tasks_of("control"):
        for version, goal in (("v0", "hide"), ("v1", "flat")):
            # Gymnasium takes one slash, and a suite's task has one of its own.
            name = f"{NAMESPACE}/{entry.ref.name.replace('/', '-')}-{version}"
            if name not in gymnasium.registry:
                entry_point = "taskloom_control.exports.gymnasium:make_env"
                kwargs = {"name": entry.ref.name, "goal": goal}
                gymnasium.register(id=name, entry_point=entry_point, kwargs=kwargs)


register()
