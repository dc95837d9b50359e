"""The kernel of pointing: it reads a game and its agents into tables, if they can be, and plays it by the thousand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from taskloom_hci.accelerated.pointing import (
    TABLE_LIMIT,
    Int,
    PointingOutcome,
    PointingRounds,
    PointingRules,
    model_table,
    move_table,
)
from taskloom_hci.accelerated.pointing_numpy import play_rows
from taskloom_hci.assistants.jump import JumpAssistant, JumpPolicy
from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.observation.engine import RuleObservation
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.users.pointing import DrawnPointer, PointingUser

CHUNK = 1024  # rows that NumPy plays at a time: the arrays of one round stay in the cache


def pointing_kernel(game: Bundle) -> PointingKernel | None:
    """Return the kernel of a pointing game, or None if one of its agents has no description as arrays."""
    task, assistant = game.task, game.assistant
    if type(task) is not Pointing:
        return None
    if isinstance(assistant, JumpAssistant):
        # What is kept from game to game needs them in their order.
        alone = assistant.people is None or assistant.people.games == 1
        known = type(assistant.policy) is JumpPolicy and alone
    else:
        known = assistant is None or (
            type(assistant.policy) is ConstantPolicy and task.mode == "gain"
        )
    rules = pointing_rules(game) if known else None
    return None if rules is None else PointingKernel(task, rules)


def pointing_rules(game: Bundle) -> PointingRules | None:
    """Return a pointing game as arrays, whatever its assistant would do; None if it has no such description."""
    task, user, assistant = game.task, game.user, game.assistant
    models = _models(user)
    if not models or type(task) is not Pointing or game.max_rounds is None:
        return None
    if len(models) * task.num_cells**2 * len(task.moves) > TABLE_LIMIT:
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
    table = np.concatenate([model_table(task, model) for model in models], axis=1)
    return PointingRules(
        num_targets=task.num_targets,
        max_rounds=game.max_rounds,
        positions=task.positions.reshape(task.num_cells, -1),
        # Without the last sum, which rounding may leave below 1: a draw above it must still be the last action.
        reached=np.ascontiguousarray(np.cumsum(table, axis=-1)[..., :-1]),
        stay=models[0].stay,
        actions=models[0].actions,
        moved=move_table(task, gain),
        gain=gain,
        jump=jump,
        assisted=assistant is not None,
        people=user.people if isinstance(user, DrawnPointer) else None,
    )


def _models(user: Agent | None) -> tuple[PointingModel, ...]:
    """Return the models by which a user acts, one after the other; none if it acts by something else."""
    if type(user) is DrawnPointer:
        return user.models
    return (user.model,) if type(user) is PointingUser and user.model is not None else ()


class PointingKernel:
    """Plays a pointing game for many episodes at once.

    Args:
        task: The task.
        rules: The game as arrays.
    """

    def __init__(self, task: Pointing, rules: PointingRules) -> None:
        self.task = task
        self.rules = rules
        # Compiled code knows one user and one model of it.
        mixed = rules.jump is not None and rules.jump.mixture is not None
        self.compiled = rules.people is None and not mixed

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        if backend == "numba":
            from taskloom_hci.accelerated.pointing_numba import play_compiled  # numba is heavy

            return self._assembled(episodes, play_compiled(self.rules, seed, episodes))
        return join(
            [
                self._assembled(part, play_rows(self.rules, seed, part))
                for part in np.array_split(episodes, max(1, -(-len(episodes) // CHUNK)))
            ]
        )

    def _assembled(self, episodes: Int, played: tuple[PointingOutcome, PointingRounds]) -> Episodes:
        jumps = self.rules.jump is not None
        return assemble(self.task, self.rules, episodes, played, jumps=jumps)


def assemble(
    task: Pointing,
    rules: PointingRules,
    episodes: Int,
    played: tuple[PointingOutcome, PointingRounds],
    *,
    jumps: bool,
) -> Episodes:
    """Return the episodes as the loop would have recorded them; `jumps` tells whether the assistant's action is a cell."""
    outcome, rounds = played
    positions = task.positions
    rewards = np.zeros((len(episodes), len(REWARD_NAMES)))
    rewards[:, REWARD_NAMES.index("first_task_reward")] = -outcome.num_rounds.astype(np.float64)
    columns: dict[str, Any] = {}
    if outcome.person is not None:
        columns["user_state__person"] = np.repeat(outcome.person, outcome.num_rounds)
    columns |= {
        "task_state__position": positions[rounds.cell],
        "user_action": rules.actions[rounds.action],
    }
    if rules.assisted:
        # A constant gain never changes; a jump is a cell, and cell 0 stands for a turn that was not played.
        gain = np.full(len(rounds.cell), rules.gain)
        columns["assistant_action"] = positions[rounds.jump] if jumps else gain
    return Episodes(
        episode=episodes,
        num_rounds=outcome.num_rounds,
        is_done=outcome.is_done,
        truncated=~outcome.is_done,
        rewards=rewards,
        fixed={
            "task_state__targets": positions[outcome.targets],
            "user_state__goal": positions[outcome.goal],
        },
        rounds=columns,
    )
