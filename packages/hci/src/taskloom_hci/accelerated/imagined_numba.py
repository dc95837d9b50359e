"""Roll-outs of pointing compiled by numba; `taskloom_hci.accelerated.imagined` has their meaning.

These loops say again what NumPy says there with arrays, on purpose. numba is optional, and bringing it in takes as long as 300
decisions in NumPy; run without numba these loops would take a hundred times as long. No code can be both. `tests/hci/test_rollout.py`
plays the same games by either and by simulating one after the other, and holds all three to the same bits.
"""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.belief_numba import update
from taskloom_hci.accelerated.jit import Array, exact_exp, jit, uniform
from taskloom_hci.accelerated.pointing import Float, Int
from taskloom_hci.accelerated.pointing_numba import act
from taskloom_hci.inference.information import TOLERANCE
from taskloom_hci.state.streams import UInt64


@jit
def likeliest(log_beliefs: Array) -> int:
    """Return the first target of the largest belief."""
    best, top = 0, -1.0
    for t in range(len(log_beliefs)):
        # Of the exponentials, as alone: logarithms that differ may be one probability.
        p = exact_exp(log_beliefs[t])
        if p > top:
            best, top = t, p
    return best


@jit
def fill_played(
    cells: Array,
    goals: Array,
    targets: Array,
    log_beliefs: Array,
    keys: Array,
    reached: Array,
    log_table: Array,
    stay: int,
    rounds: int,
    played: Array,
) -> None:
    """Fill in how many rounds the user plays, (I, X)."""
    beliefs = np.empty(len(targets))
    for i in range(len(goals)):
        for x in range(len(cells)):
            cell = cells[x]
            beliefs[:] = log_beliefs[i]
            played[i, x] = rounds - 1
            for r in range(rounds - 1):
                action = act(reached, cell, goals[i], uniform(keys[i], r))
                if cell == goals[i] and action == stay:
                    played[i, x] = r + 1
                    break
                update(log_table, cell, targets, action, beliefs, True)
                cell = targets[likeliest(beliefs)]


@jit
def fill_chosen(
    cells: Array,
    live: Array,
    targets: Array,
    kept: Array,
    weights: Array,
    log_beliefs: Array,
    keys: Array,
    reached: Array,
    log_table: Array,
    stay: int,
    rounds: int,
    chosen: Array,
) -> None:
    """Fill in the cell that each of k assistants chooses, (k,)."""
    count, tried = targets.shape[1], cells.shape[1]
    totals = np.empty(tried)
    goal, key, belief = np.empty(1, np.int64), np.empty(1, np.uint64), np.empty((1, count))
    played = np.empty((1, tried), np.int64)
    for g in range(len(cells)):
        totals[:] = 0.0
        for i in range(count):
            if not kept[g, i]:
                continue
            goal[0], key[0] = targets[g, i], keys[g, i]
            belief[0] = log_beliefs[g]
            fill_played(
                cells[g], goal, targets[g], belief, key, reached, log_table, stay, rounds, played
            )
            # In the order of the targets, as alone: a sum in another order has another last bit.
            for x in range(tried):
                totals[x] += weights[g, i] * -float(played[0, x])
        best = -np.inf
        for x in range(tried):
            if live[g, x]:
                best = max(best, totals[x])
        for x in range(tried):
            if live[g, x] and totals[x] >= best - TOLERANCE:
                chosen[g] = cells[g, x]
                break


def decide_compiled(
    cells: Int,
    live: Array,
    targets: Int,
    kept: Array,
    weights: Float,
    log_beliefs: Float,
    keys: UInt64,
    reached: Float,
    log_table: Float,
    stay: int,
    rounds: int,
) -> Int:
    """Do `rollout_kernel.decide_rows`."""
    chosen = np.zeros(len(cells), dtype=np.int64)
    known = (reached, log_table, stay, rounds, chosen)
    rows = np.ascontiguousarray(cells)
    fill_chosen(rows, live, targets, kept, weights, log_beliefs, keys, *known)
    return chosen


def imagine_compiled(
    cells: Int,
    goals: Int,
    targets: Int,
    log_beliefs: Float,
    keys: UInt64,
    reached: Float,
    log_table: Float,
    stay: int,
    rounds: int,
) -> Int:
    """Do `imagined.play_rows`."""
    played = np.empty((len(goals), len(cells)), dtype=np.int64)
    fill_played(
        *(cells, goals, targets, log_beliefs, keys, reached, log_table, stay, rounds, played)
    )
    return played
