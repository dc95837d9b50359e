"""Reads a pointing bundle and writes it down as arrays, if these agents can be."""

from __future__ import annotations

import numpy as np

from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.batch.pointing import (
    TABLE_LIMIT,
    PointingKernel,
    PointingRules,
    model_table,
    move_table,
)
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.observation.engine import RuleObservation
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.users.pointing import PointingUser


def pointing_kernel(task: Pointing) -> PointingKernel | None:
    """Return the kernel of a pointing game, or None if one of its agents has no description as arrays."""
    game = task.game
    user, assistant = game.user, game.assistant
    if (
        type(user) is not PointingUser
        or user.model is None
        or game.max_rounds is None
        or type(task) is not Pointing
    ):
        return None
    if task.num_cells**2 * len(task.moves) > TABLE_LIMIT:
        return None
    if any(
        type(agent.observation_engine) is not RuleObservation
        for agent in (user, assistant)
        if agent is not None
    ):
        return None
    gain, jump = 1, None
    if isinstance(assistant, JumpAssistant):
        jump = assistant.rule()
    elif assistant is not None:
        if type(assistant.policy) is not ConstantPolicy or task.mode != "gain":
            return None
        gain = int(assistant.policy.element.init)
    table = model_table(task, user.model)
    return PointingKernel(
        task,
        PointingRules(
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
        ),
    )
