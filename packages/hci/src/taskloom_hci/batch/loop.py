"""The slow way to play many episodes: one after the other, through the bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.state.state import flatten

PARTS = ("task_state", "user_state", "assistant_state")


def play_loop(
    bundle: Bundle,
    episodes: Sequence[int],
    *,
    beliefs: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Episodes:
    """Play episodes one by one.

    Args:
        bundle: The game; its seed decides what happens.
        episodes: Which episodes.
        beliefs: Record the assistant's state as well.
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
            result = bundle.step()
            acted = not (result.is_done and bundle.turn == 1)
            row.update(_actions(bundle, acted))
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
    )


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
