"""The fewest rounds on average of any assistant that puts the cursor where it likes, between two bounds.

With the belief b over T goals, W(b) is the mean number of rounds from now on, before the assistant chooses a cell:

    W(b) = min_x  1 + sum_y p(y | b, x) W(b after y at x),    p(y | b, x) = sum_theta b(theta) P(y | x, theta)

where an answer that ends the game (the user stays on the goal) adds nothing. W is a minimum of linear functions, hence concave,
so its interpolation between the points of a grid lies below it, and value iteration on the grid, from what an assistant that
knows the goal would need, stays below it: a lower bound for every grid. Any assistant's own mean is an upper bound; the one that
goes by the grid's values comes close.
"""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.bounds.simplex import SimplexGrid
from taskloom_hci.errors import HciError

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

# Value iteration ends where a sweep raises no value by more; every sweep is a bound, so this is not an error.
_CLOSE = 1e-7
_MOST_SWEEPS = 5000


@dataclass(frozen=True, slots=True)
class GoalGame:
    """A game of one layout as probabilities.

    Attributes:
        answers: Probability of an action by cell and goal, (X, T, A).
        ends: True where it would end the game, (X, T, A).
    """

    answers: Float
    ends: Bool

    def going_on(self) -> Float:
        """Return the probabilities of actions that do not end the game, (X, T, A)."""
        return np.where(self.ends, 0.0, self.answers)

    def knowing(self) -> Float:
        """Return the rounds that an assistant needs which knows the goal, (T,): it waits where the user ends the game soonest."""
        chance = np.where(self.ends, self.answers, 0.0).sum(axis=-1).max(axis=0)
        if (chance <= 0.0).any():
            raise HciError("A goal on which the user never ends the game has no bound.")
        return np.asarray(1.0 / chance)

    def after(self, beliefs: Float) -> tuple[Float, Float]:
        """Return the probability of every answer that goes on (..., X, A), and the belief after it (..., X, A, T)."""
        joint = beliefs[..., None, :, None] * self.going_on()
        joint = np.moveaxis(joint, -1, -2)
        p = joint.sum(axis=-1)
        # An answer that cannot come has any belief behind it: it counts nothing.
        even = np.full(joint.shape[-1], 1.0 / joint.shape[-1])
        found = np.where(p[..., None] > 0.0, joint / np.where(p > 0.0, p, 1.0)[..., None], even)
        return p, found


@dataclass(frozen=True, slots=True)
class GridValues:
    """Lower bounds on W at the points of a grid.

    Attributes:
        grid: The grid.
        values: W at its points, (N,).
        sweeps: Sweeps of value iteration.
    """

    grid: SimplexGrid
    values: Float
    sweeps: int

    def at(self, beliefs: Float) -> Float:
        """Return the lower bound at beliefs (..., T)."""
        numbers, weights = self.grid.interpolate(beliefs)
        return np.asarray((weights * self.values[numbers]).sum(axis=-1))


def solve(game: GoalGame, parts: int, chunk: int = 4_000_000) -> GridValues:
    """Return lower bounds by value iteration on a grid of the simplex with 1 / `parts` between points.

    Args:
        game: The game.
        parts: M; the bound rises with multiples of it.
        chunk: Numbers of a table that is made at once.
    """
    grid = SimplexGrid(game.answers.shape[1], parts)
    values = grid.points @ game.knowing()
    size = len(values)
    chunks: list[NDArray[np.int32]] = []
    weights: list[Float] = []
    step = max(1, chunk // (game.answers.size * game.answers.shape[1]))
    for first in range(0, size, step):
        p, after = game.after(grid.points[first : first + step])
        vertices, shares = grid.interpolate(after)
        chunks.append(vertices.astype(np.int32))
        weights.append(shares * p[..., None])
    number = np.concatenate(chunks).reshape(size, len(game.answers), -1)
    weight = np.concatenate(weights).reshape(number.shape)
    for sweep in range(_MOST_SWEEPS):
        each = 1.0 + np.einsum("nxk,nxk->nx", weight, values[number])
        better = np.maximum(values, each.min(axis=1))
        if float((better - values).max()) < _CLOSE:
            return GridValues(grid, better, sweep + 1)
        values = better
    return GridValues(grid, values, _MOST_SWEEPS)


def begin(start: Float, values: GridValues) -> float:
    """Return the bound on the rounds of a whole game: the user's first answer comes where the cursor starts.

    Args:
        start: Probabilities of the first answers by goal, (T, A); none of them ends the game.
        values: The bound on what follows.
    """
    joint = start.T / len(start)
    p = joint.sum(axis=1)
    kept = p > 0.0
    return float(1.0 + p[kept] @ values.at(joint[kept] / p[kept, None]))


def play_greedy(
    game: GoalGame,
    starts: Float,
    allowed: Bool,
    values: GridValues,
    rng: np.random.Generator,
    max_rounds: int,
) -> tuple[Float, Bool]:
    """Return the rounds of games in which the assistant does what the grid's values say (n,), and which were cut off.

    Args:
        game: The game; its cells are those of every layout.
        starts: Probabilities of the first answers in each game by goal, (n, T, A).
        allowed: Cells that the layout of each game has, (n, X).
        values: The bound on what follows from a belief.
        rng: Random numbers.
        max_rounds: Rounds after which a game is cut off.
    """
    games, count = starts.shape[:2]
    going_on = game.going_on()
    goal = np.asarray(rng.integers(count, size=games))
    rows = np.arange(games)
    answer = _drawn(starts[rows, goal], rng)
    belief = starts[rows, :, answer]
    belief /= belief.sum(axis=1, keepdims=True)
    rounds = np.ones(games)
    alive: NDArray[Any] = np.arange(games)
    for _ in range(max_rounds - 1):
        if not len(alive):
            break
        # Equal beliefs are asked once: at first there are few histories.
        kept, which = np.unique(belief[alive], axis=0, return_inverse=True)
        p, after = game.after(kept)
        cost = (p * values.at(after)).sum(axis=-1)[np.ravel(which)]
        cell = np.argmin(np.where(allowed[alive], cost, np.inf), axis=-1)
        rounds[alive] += 1.0
        answer = _drawn(game.answers[cell, goal[alive]], rng)
        over = game.ends[cell, goal[alive], answer]
        joint = belief[alive] * going_on[cell, :, answer]
        belief[alive] = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        alive = alive[~over]
    cut = np.zeros(games, dtype=bool)
    cut[alive] = True
    return rounds, cut


def _drawn(p: Float, rng: np.random.Generator) -> Int:
    upto = np.cumsum(p, axis=1)[:, :-1]
    return np.asarray((upto <= rng.random((len(p), 1))).sum(axis=1), dtype=np.int64)
