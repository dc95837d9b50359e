"""The games' ids in gymnasium: `gymnasium.make("hci/Pointing-v0")` once `taskloom_hci.gym` is imported."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Role
    from taskloom_hci.exports.env import GameEnv

# Every id with its task. A version rises when what a game means changes.
IDS = {
    "Example-v0": "example",
    "Coordinated-v0": "coordinated",
    "Pointing-v0": "pointing",
    "Pointing2D-v0": "pointing_2d",
    "ClassicControl-v0": "classic_control",
    "Gaze-v0": "gaze",
    "Teaching-v0": "teaching",
    "Pipe-v0": "pipe",
}


def register() -> None:
    """Register the ids under the namespace `hci`; doing it twice changes nothing."""
    from gymnasium.envs.registration import register as register_id, registry

    for name, task in IDS.items():
        extra: dict[str, Any] = {}
        if task in {"pointing", "pointing_2d"}:
            extra["vector_entry_point"] = "taskloom_hci.exports.register:make_vector"
        if f"hci/{name}" in registry:
            continue
        register_id(
            id=f"hci/{name}",
            entry_point="taskloom_hci.exports.register:make_env",
            kwargs={"task": task},
            **extra,
        )


def make_env(
    task: str, train: Role = "user", render_mode: str | None = None, **config: Any
) -> GameEnv:
    """Return a shipped task as an environment.

    Args:
        task: The task's name.
        train: Which agent acts through `step`.
        render_mode: `ansi`, or None.
        config: Entries of the task's config: `user={"kind": "careful", "error_rate": 0.1}`.
    """
    from taskloom_hci.exports.env import GameEnv
    from taskloom_hci.shipped import make_bundle

    return GameEnv(make_bundle(task, **config), train, render_mode=render_mode)


def make_vector(task: str, num_envs: int = 1, train: Role = "user", **config: Any) -> Any:
    """Return many games of a pointing task that step together; see `exports.vector` and `exports.vector_assistant`."""
    from taskloom_hci.shipped import make_bundle

    bundle = make_bundle(task, **config)
    if train == "assistant":
        from taskloom_hci.exports.vector_assistant import AssistantVector

        return AssistantVector(bundle, num_envs)
    from taskloom_hci.exports.vector import PointingVector

    return PointingVector(bundle, num_envs)
