"""The slow way to play many episodes: one after the other, through the bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES, StepResult
from taskloom_hci.state.state import flatten

PARTS = ("task_state", "user_state", "assistant_state")


def play_loop(
    bundle: Bundle,
    episodes: Sequence[int],
    *,
    beliefs: bool = False,
    full: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Episodes:
    """Play episodes one by one.

    Args:
        bundle: The game; its seed decides what happens.
        episodes: Which episodes.
        beliefs: Record the assistant's state as well.
        full: Record the rewards of every round, what each agent saw when it acted, and its belief then.
        stop: Asked between episodes; after it says yes the episodes played so far are returned.
    """
    parts = PARTS if beliefs else PARTS[:2]
    rows: list[dict[str, Any]] = []
    fixed: list[dict[str, Any]] = []
    ends: list[tuple[int, bool, bool]] = []
    rewards: list[list[float]] = []
    for episode in episodes:
        if stop is not None and ends and stop():
            break
        game = bundle.reset(go_to=0, episode=episode)
        first = len(rows)
        total = [0.0] * len(REWARD_NAMES)
        while True:
            row = flatten({part: game[part] for part in parts})
            told: dict[str, Any] = {}
            result = _watched(bundle, told) if full else bundle.step()
            acted = not (result.is_done and bundle.turn == 1)
            row.update(_actions(bundle, acted))
            row.update(told)
            total = [a + b for a, b in zip(total, result.rewards.values(), strict=True)]
            rows.append(row)
            game = result.state
            if bundle.over:
                break
        constants = {key: rows[first][key] for key in bundle.task.constants if key in rows[first]}
        fixed.append(constants)
        for row in rows[first:]:
            for key in constants:
                del row[key]
        ends.append((len(rows) - first, result.is_done, result.truncated))
        rewards.append(total)
    return Episodes(
        episode=np.asarray(episodes[: len(ends)], dtype=np.int64),
        num_rounds=np.array([end[0] for end in ends], dtype=np.int64),
        is_done=np.array([end[1] for end in ends]),
        truncated=np.array([end[2] for end in ends]),
        rewards=np.array(rewards),
        fixed=_columns(fixed),
        rounds=_columns(rows),
        # A recording starts at the first turn, so that nothing is earned before its first round.
        opening=np.zeros((len(ends), len(REWARD_NAMES))) if full else None,
    )


def _watched(bundle: Bundle, told: dict[str, Any]) -> StepResult:
    """Play one round; put into `told` what each agent saw and believed when it acted, and what the round paid."""
    paid = dict.fromkeys(REWARD_NAMES, 0.0)
    result = None
    while result is None or not (bundle.over or bundle.turn == 0):
        turn = int(bundle.turn)
        if turn in (1, 3):
            _add_view(bundle.user if turn == 1 else bundle.assistant, told)
        result = bundle.step(go_to=(turn + 1) % 4)
        paid = {name: paid[name] + result.rewards[name] for name in REWARD_NAMES}
    if bundle.assistant is not None and not any(
        name.startswith("observation/assistant/") for name in told
    ):
        # The user's half ended the game: the assistant saw nothing and believed nothing.
        blank: dict[str, Any] = {}
        _add_view(bundle.assistant, blank)
        told.update({name: np.zeros_like(value) for name, value in blank.items()})
    told["rewards"] = np.array(list(paid.values()))
    return StepResult(result.state, paid, result.is_done, result.truncated)


def _add_view(agent: Agent | None, told: dict[str, Any]) -> None:
    if agent is None:
        return
    seen = agent.observation if agent.observation is not None else agent.observe(affect=False)[0]
    for name, value in flatten(seen).items():
        if not name.startswith("game_info") and np.asarray(value).dtype.kind in "bif":
            told[f"observation/{agent.role}/{name}"] = np.asarray(value)
    if "log_beliefs" in agent.state:
        told[f"belief/{agent.role}"] = np.asarray(agent.state["log_beliefs"])


def _actions(bundle: Bundle, assistant_acted: bool) -> dict[str, Any]:
    actions: dict[str, Any] = {}
    if bundle.user is not None:
        actions["user_action"] = bundle.last_action("user")
    if bundle.assistant is not None:
        # In the round in which the user's half ends the game the assistant does nothing; its first value stands for that.
        idle = bundle.assistant.policy.element.init
        actions["assistant_action"] = bundle.last_action("assistant") if assistant_acted else idle
    return actions


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}
