"""The tasks' ids in gymnasium: `gymnasium.make("hci/Pointing-v0")` once `taskloom_hci.gym` is imported."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

import warnings
from typing import Any

from gymnasium.envs.registration import register as register_id, registry
from gymnasium.vector import AutoresetMode
from taskloom.registry.discovery import tasks_of
from taskloom.registry.refs import TaskRef

from taskloom_hci.driver import make_bundle
from taskloom_hci.exports.common import LIMIT, Opening
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.picture import can_draw
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.exports.vector_assistant import AssistantVector
from taskloom_hci.task import Role

MAKE_ENV = "taskloom_hci.exports.register:make_env"
# The tasks of this module have games that step together.
_TOGETHER = "taskloom_hci.tasks.pointing:"
_NO_GAME = "taskloom_hci.tasks.study:study"
# An id keeps its game when the task's default changes: these were made when the default was a gain of 1, or a random one.
_KEPT: dict[str, dict[str, Any]] = {
    "hci/Pointing-v0": {"assistant": {"kind": "gain"}},
    "hci/Pointing2D-v1": {"assistant": {"kind": "gain"}},
    "hci/Coordinated-v0": {"assistant": {"kind": "random"}},
    "hci/Pipe-v0": {"assistant": {"kind": "random"}},
}


def env_ids() -> dict[str, TaskRef]:
    """Return every task of this domain by its id, those of plugins too: `pointing_2d` is `hci/Pointing2D-v1`."""
    refs = [entry.ref for entry in tasks_of("hci")]
    return {id_of(ref): ref for ref in refs if ref.target != _NO_GAME}


def id_of(ref: TaskRef) -> str:
    """Return the id of a task: `pointing_2d` is `hci/Pointing2D-v1`."""
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
            entry_point=MAKE_ENV,
            vector_entry_point="taskloom_hci.exports.register:make_vector" if together else None,
            kwargs={"task": ref.name, **_KEPT.get(name, {})},
        )


def make_env(
    task: str,
    train: Role = "user",
    render_mode: str | None = None,
    *,
    opening: Opening = "first_step",
    weights: dict[str, float] | None = None,
    flatten: bool = False,
    **config: Any,
) -> GameEnv:
    """Return a task as an environment; a game without a time limit gets one of 1000 rounds.

    Args:
        task: The task's name.
        train: The agent that acts through `step`.
        render_mode: `ansi`, `rgb_array`, or None.
        opening: See `GameEnv`; likewise the next two.
        weights: See `GameEnv`.
        flatten: See `GameEnv`.
        config: Entries of the task's config: `user={"kind": "careful", "error_rate": 0.1}`; also the `seed`.
    """
    if render_mode == "rgb_array" and not can_draw():
        # Tools that ask for pictures of every environment must not fail for want of them.
        warnings.warn(
            "Pictures need Pillow, so there are none: pip install 'taskloom-hci[pictures]'.",
            stacklevel=2,
        )
        render_mode = None
    bundle = make_bundle(task, **config)
    bundle.max_rounds = LIMIT if bundle.max_rounds is None else bundle.max_rounds
    return GameEnv(
        bundle, train, weights=weights, opening=opening, render_mode=render_mode, flatten=flatten
    )


def make_vector(
    task: str,
    num_envs: int = 1,
    train: Role = "user",
    *,
    opening: Opening = "first_step",
    autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    **config: Any,
) -> Any:
    """Return many games of a pointing task that step together; see `exports.vector` and `exports.vector_assistant`."""
    bundle = make_bundle(task, **config)
    kind = AssistantVector if train == "assistant" else PointingVector
    return kind(bundle, num_envs, opening=opening, autoreset_mode=autoreset_mode)
