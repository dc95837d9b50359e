"""The fewest rounds that any assistant can reach on average in the two number games, exactly.

A user who draws from its actions, or follows a polynomial, acts by the number `x` alone, with the law `P(a | x)`, and the
assistant sees what the user did before it acts. With `f` and `g` the two halves of a round,

    W(x) = 1 + sum_a P(a | x) min_b W(g(f(x, a), a, b)),     W = 0 where either half ended the game

is solved by value iteration from below, until the policy that it finds is the best against its own rounds, which are the solution
of a linear system: exact up to rounding. Nothing is cut off, so a limit of rounds is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.small import COORDINATED, EXAMPLE, Halves, actor_of
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.state.spaces import bounds, members

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle

Int: TypeAlias = NDArray[np.int64]
Float: TypeAlias = NDArray[np.float64]
Law: TypeAlias = Callable[[Int, Float], Int]  # actions (n,) for numbers (n,) and uniform draws (n,)

MOST_PASSES = 10_000
CLOSE = 1e-12  # rounds; the policy does not change any more long before

_HALVES = {Example: EXAMPLE, Coordinated: COORDINATED}


def fewest_rounds_of_numbers(bundle: Bundle) -> float | None:
    """Return the mean number of rounds of the best assistant in a number game, or None where that is not known."""
    halves = _HALVES.get(type(bundle.task))
    if halves is None or bundle.user is None or bundle.assistant is None:
        return None
    actor, space = actor_of(bundle.user), bundle.assistant.policy.element.space
    if actor is None or (space.shape or ()) != ():
        return None
    own = bundle.user.policy.element.space
    low, high = (int(bound) for bound in bounds(bundle.task.state.element("x").space))
    start = int(bundle.task.state.element("x").init) - low
    numbers = np.arange(low, high + 1)
    found = float(least(halves, numbers, actor.act, len(members(own)), members(space))[start])
    return found if np.isfinite(found) else None


def least(halves: Halves, numbers: Int, act: Law, num_acts: int, helps: Int) -> Float:
    """Return the fewest rounds from every number (n,), infinite if some of them never end.

    Args:
        halves: The rules of a round.
        numbers: The numbers of the game in ascending order, (n,).
        act: The user's actions.
        num_acts: Actions that it may draw from: as many draws, evenly spread, stand for its law.
        helps: The assistant's actions, (B,).
    """
    n, chance = len(numbers), 1.0 / num_acts
    draws = (np.arange(num_acts) + 0.5) / num_acts
    x = np.repeat(numbers, num_acts)
    acted = act(x, np.tile(draws, n))
    after, ended = halves.first(x, acted)
    # Of every number, user's action and assistant's action: the number that follows, and whether the game goes on.
    each = np.repeat(after[:, None], len(helps), axis=1)
    helped = np.broadcast_to(helps, each.shape)
    following, over = halves.second(each.ravel(), helped.ravel(), np.repeat(acted, len(helps)))
    place = following.reshape(each.shape) - numbers[0]
    on = ~(ended[:, None] | over.reshape(each.shape))
    rounds, rows = np.zeros(n), np.arange(len(x))
    for _ in range(MOST_PASSES):
        worth = np.where(on, rounds[place], 0.0)
        choice = worth.argmin(axis=1)
        better = 1.0 + worth[rows, choice].reshape(n, num_acts).sum(axis=1) * chance
        if np.abs(better - rounds).max() < CLOSE:
            return _of_policy(place[rows, choice], on[rows, choice], n, num_acts)
        rounds = better
    return np.full(n, np.inf)


def _of_policy(place: Int, on: NDArray[np.bool_], n: int, num_acts: int) -> Float:
    """Return the rounds from every number (n,) if the assistant always does the same in the same situation."""
    moves = np.zeros((n, n))
    np.add.at(moves, (np.repeat(np.arange(n), num_acts), place), on / num_acts)
    return np.asarray(np.linalg.solve(np.eye(n) - moves, np.ones(n)), dtype=np.float64)
