"""Values that a task and the agents hand back, looked at before they count."""

# ruff: noqa: ANN401 -- foreign code may hand back anything

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taskloom_hci.errors import HciError
from taskloom_hci.task import Game


def finite_reward(reward: Any, owner: object, game: Game) -> float:
    """Return a reward as a number.

    Raises:
        HciError: If it is no finite number; the sentence names its owner, the turn and the round.
    """
    try:
        number = float(reward)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise HciError(f"{_place(owner, game)} earned {reward!r}: a reward is a finite number.")
    return number


def task_answer(outcome: Any, game: Game) -> tuple[float, bool]:
    """Return the reward in a task's answer and whether the game is over.

    Raises:
        HciError: If the answer is not a state, a finite reward and a truth value.
    """
    if type(outcome) is not tuple or len(outcome) != 3:
        count = f" of {len(outcome)}" if isinstance(outcome, (tuple, list)) else ""
        raise HciError(
            f"{_place(game.task, game)} answered with a {type(outcome).__name__}{count}: a task answers with nothing, or "
            "with three values, a state, a reward and whether the game is over."
        )
    _, reward, is_done = outcome
    if type(is_done) is bool:
        # Of a finite number nothing is left, of any other a NaN is: the common answer passes without a call.
        if type(reward) is float and reward - reward == 0.0:
            return reward, is_done
        return finite_reward(reward, game.task, game), is_done
    # A state's entry compares to NumPy's own truth value, perhaps as an array without axes.
    if np.ndim(is_done) or not np.issubdtype(np.asarray(is_done).dtype, np.bool_):
        raise HciError(
            f"{_place(game.task, game)} said {is_done!r} where it says whether the game is over: true or false."
        )
    return finite_reward(reward, game.task, game), bool(is_done)


def _place(owner: object, game: Game) -> str:
    return f"{type(owner).__name__}, at turn {int(game.turn)} of round {game.round_index},"
