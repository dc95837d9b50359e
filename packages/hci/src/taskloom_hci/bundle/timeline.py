"""A few episodes told turn by turn, for people to look at."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

import numpy as np

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import NAMES
from taskloom_hci.state.state import flatten

# Long arrays make a page slow and are of no use to a reader.
LONGEST = 200


def timeline(bundle: Bundle, count: int) -> list[dict[str, Any]]:
    """Play the first episodes of a game again and return one row a turn.

    A row holds the episode, the round, what happened, and the flat state of the game after it as plain numbers and lists.
    """
    rows: list[dict[str, Any]] = []
    for episode in range(count):
        bundle.reset(go_to=0, episode=episode)
        while not bundle.over:
            turn, started = bundle.turn, bundle.round_index
            result = bundle.step(go_to=(turn + 1) % 4)
            reward = {name: value for name, value in result.rewards.items() if value}
            rows.append(
                {
                    "episode": episode,
                    "round": started,
                    "turn": int(turn),
                    "event": NAMES[(turn + 1) % 4],
                    "rewards": reward,
                    "is_done": result.is_done,
                    "state": dict(
                        _entry(key, value) for key, value in flatten(result.state).items()
                    ),
                }
            )
    return rows


def _entry(key: str, value: Any) -> tuple[str, Any]:
    if key.endswith("__log_beliefs"):
        # People read probabilities, and JSON has no infinity.
        return key.replace("__log_beliefs", "__beliefs"), _plain(np.exp(value))
    return key, _plain(value)


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.tolist() if array.size <= LONGEST else None
