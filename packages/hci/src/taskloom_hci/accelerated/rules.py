"""Reads a pointing bundle and writes it down as arrays, if these agents can be."""

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.pointing import (
    TABLE_LIMIT,
    PointingKernel,
    PointingRules,
    model_table,
    move_table,
)
from taskloom_hci.assistants.jump import JumpAssistant, JumpPolicy
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.observation.engine import RuleObservation
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.users.pointing import PointingUser


def pointing_kernel(game: Bundle) -> PointingKernel | None:
    """Return the kernel of a pointing game, or None if one of its agents has no description as arrays."""
    task, assistant = game.task, game.assistant
    if type(task) is not Pointing:
        return None
    if isinstance(assistant, JumpAssistant):
        known = type(assistant.policy) is JumpPolicy
    else:
        known = assistant is None or (
            type(assistant.policy) is ConstantPolicy and task.mode == "gain"
        )
    rules = pointing_rules(game) if known else None
    return None if rules is None else PointingKernel(task, rules)


def pointing_rules(game: Bundle) -> PointingRules | None:
    """Return a pointing game as arrays, whatever its assistant would do; None if it has no such description."""
    task, user, assistant = game.task, game.user, game.assistant
    if type(user) is not PointingUser or user.model is None or type(task) is not Pointing:
        return None
    if game.max_rounds is None or task.num_cells**2 * len(task.moves) > TABLE_LIMIT:
        return None
    seen = [agent.observation_engine for agent in (user, assistant) if agent is not None]
    if any(type(engine) is not RuleObservation for engine in seen):
        return None
    jump = assistant.rule() if isinstance(assistant, JumpAssistant) else None
    gain = (
        int(assistant.policy.element.init)
        if assistant is not None and jump is None and task.mode == "gain"
        else 1
    )
    table = model_table(task, user.model)
    return PointingRules(
        num_targets=task.num_targets,
        max_rounds=game.max_rounds,
        positions=task.positions.reshape(task.num_cells, -1),
        reached=np.ascontiguousarray(np.cumsum(table, axis=-1)[..., :-1]),
        stay=user.model.stay,
        actions=user.model.actions,
        moved=move_table(task, gain),
        gain=gain,
        jump=jump,
        assisted=assistant is not None,
    )
