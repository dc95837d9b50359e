"""The pointing user who takes as few rounds as possible, by value iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from taskloom.moved import moved_names

from taskloom_hci.accelerated.pointing import move_table
from taskloom_hci.models.model import Arrays, Float, safe_log
from taskloom_hci.models.pointing import PointingModel

if TYPE_CHECKING:
    from taskloom_hci.games.pointing import Pointing

__getattr__ = moved_names(__name__)  # the model was called as its user now is


class OptimalModel(PointingModel):
    """Chooses alike among the actions that lead to the goal in the fewest rounds.

    With the cell `m(x, a)` after action `a` and the rounds `V(x, g)` still to go, the Bellman equation is
    `V(x, g) = 1 + min_a V(m(x, a), g)`, and `V(g, g) = 1` for the round in which the user stays. Where the goal cannot be
    reached (a large gain steps over it) all actions are alike.

    Args:
        task: The task, in mode `gain`.
        gain: Gain of the assistant the user counts on.
    """

    def __init__(self, task: Pointing, gain: int = 1) -> None:
        super().__init__(task.dimension)
        self._shape = task.shape
        moved = move_table(task, gain)
        cells = np.arange(task.num_cells)
        value = np.where(cells[:, None] == cells, 1.0, np.inf)
        # A fixed point is reached exactly: rounds are whole numbers, and each pass settles the cells one move further away.
        while True:
            better = np.minimum(value, 1.0 + value[moved].min(axis=1))
            if np.array_equal(better, value):
                break
            value = better
        self.rounds_to_go = value
        ahead = np.moveaxis(value[moved], 1, -1)  # (C, C, A): cell, goal, action
        best = ahead == ahead.min(axis=-1, keepdims=True)
        at_goal = (cells[:, None] == cells)[..., None]
        # A move against the border leaves the cursor on the goal as well, but only to stay ends the game.
        best = np.where(at_goal, np.arange(len(self.moves)) == self.stay, best)
        self.table = best / best.sum(axis=-1, keepdims=True)

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., A)."""
        cell, goal = self._cells(observation["position"]), self._cells(theta["goal"])
        return safe_log(self.table[cell, goal])

    def _cells(self, position: object) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        where = np.asarray(position, dtype=np.int64)
        return where if self.dimension == 1 else where[..., 0] * self._shape[1] + where[..., 1]
