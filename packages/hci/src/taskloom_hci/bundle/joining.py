"""Joining a task, a user and an assistant into a game, and the values that a reset of it may set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError, HciError, UnknownKeyError
from taskloom_hci.task import Game, InteractionTask

PARTS = (
    "game_info",
    "task_state",
    "user_state",
    "assistant_state",
    "user_action",
    "assistant_action",
)


def require_parts(task: InteractionTask, user: Agent | None, assistant: Agent | None) -> None:
    """Raise `BundleConstraintError` unless the parts are a task, a user and an assistant."""
    problems = []
    if not isinstance(task, InteractionTask) or not hasattr(task, "state"):
        problems.append(
            f"{type(task).__name__} is no InteractionTask that called super().__init__()."
        )
    for role, agent in (("user", user), ("assistant", assistant)):
        if agent is not None and agent.role != role:
            problems.append(f"The {role} given is an agent with the role '{agent.role}'.")
    if problems:
        raise BundleConstraintError(problems)


def join_parts(game: Game, task: InteractionTask, agents: Sequence[Agent]) -> dict[str, Any]:
    """Link the parts of a game to it, finish their set-up, and ask each whether it accepts the others.

    Returns:
        The parameters of all three; the assistant's win.

    Raises:
        BundleConstraintError: With every problem that any of them has.
    """
    parts: list[InteractionTask | Agent] = [task, *agents]
    parameters = dict(task.parameters)
    for part in parts:
        part.bundle = game
    for agent in agents:
        parameters.update(agent.parameters)
    problems: list[str] = []
    for part in parts:
        try:
            part.finit()
        except BundleConstraintError as error:
            problems.extend(error.problems)
    for part in parts:
        try:
            problems.extend(part.on_bundle_constraints() or ())
        except BundleConstraintError as error:
            problems.extend(error.problems)
        except (HciError, ValueError, TypeError) as error:
            problems.append(str(error))
    if problems:
        raise BundleConstraintError(problems)
    for agent in agents:
        agent.inference_engine.bind(agent)
        agent.policy.bind(agent)
    return parameters


def require_forced(
    owners: Mapping[str, InteractionTask | Agent], forced: Mapping[str, Any]
) -> None:
    """Raise unless a reset could set these values, by part: names, shapes and bounds are looked at, nothing is set.

    Args:
        owners: The parts of the game by the name of their state: `task_state`.
        forced: The values by part.
    """
    known = (*PARTS, "user_observation", "assistant_observation")
    for part, values in forced.items():
        if part not in known:
            raise UnknownKeyError(
                f"A game has no part '{part}' to reset: it has {', '.join(known)}."
            )
        if part == "game_info":
            continue
        role = part.split("_")[0]
        owner = owners.get(f"{role}_state")
        if owner is None:
            raise UnknownKeyError(f"'{part}' cannot be reset: this game has no {role}.")
        if part.endswith("_state"):
            owner.state.checked(values)
        elif part.endswith("_action") and isinstance(owner, Agent):
            owner.policy.element.admit(values["action"])
