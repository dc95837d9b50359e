"""The tasks' ids in gymnasium: `gymnasium.make("hci/Pointing-v0")` once `taskloom_hci.gym` is imported."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

from gymnasium.envs.registration import register as register_id, registry
from taskloom.registry.discovery import tasks_of
from taskloom.registry.refs import TaskRef

from taskloom_hci.driver import make_bundle
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.exports.vector_assistant import AssistantVector
from taskloom_hci.task import Role

# The tasks of this module have games that step together.
_TOGETHER = "taskloom_hci.tasks.pointing:"


def env_ids() -> dict[str, TaskRef]:
    """Return every task of this domain by its id, those of plugins too: `pointing_2d` is `hci/Pointing2D-v0`."""
    return {_id_of(entry.ref): entry.ref for entry in tasks_of("hci")}


def _id_of(ref: TaskRef) -> str:
    name = ref.name.title().replace("_", "").replace("-", "")
    # gymnasium counts from 0: like the task's own, its version rises when the meaning of the game changes.
    return f"hci/{name}-v{ref.version - 1}"


def register() -> None:
    """Register the ids under the namespace `hci`; doing it twice changes nothing."""
    for name, ref in env_ids().items():
        if name in registry:
            continue
        together = ref.target.startswith(_TOGETHER)
        register_id(
            id=name,
            entry_point="taskloom_hci.exports.register:make_env",
            vector_entry_point="taskloom_hci.exports.register:make_vector" if together else None,
            kwargs={"task": ref.name},
        )


def make_env(
    task: str, train: Role = "user", render_mode: str | None = None, **config: Any
) -> GameEnv:
    """Return a task as an environment.

    Args:
        task: The task's name.
        train: The agent that acts through `step`.
        render_mode: `ansi`, or None.
        config: Entries of the task's config: `user={"kind": "careful", "error_rate": 0.1}`.
    """
    return GameEnv(make_bundle(task, **config), train, render_mode=render_mode)


def make_vector(task: str, num_envs: int = 1, train: Role = "user", **config: Any) -> Any:
    """Return many games of a pointing task that step together; see `exports.vector` and `exports.vector_assistant`."""
    bundle = make_bundle(task, **config)
    kind = AssistantVector if train == "assistant" else PointingVector
    return kind(bundle, num_envs)
