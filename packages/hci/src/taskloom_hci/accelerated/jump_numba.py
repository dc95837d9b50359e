"""The choices of a jumping assistant, compiled; `taskloom_hci.inference.information` has their meaning."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.jit import Array, jit, plogp
from taskloom_hci.inference.entropy import plogp as plogps
from taskloom_hci.inference.information import TOLERANCE


@jit
def gain_of(
    left: float, here: float, right: float, split: Array, ahead: float, there: float
) -> float:
    """Return the information of a cell with this belief to its left, on it and to its right; see `careful_gain`."""
    if split[4] == 0.0 and split[2] == 0.0:  # no lapses: the same sums without their zeros
        toward = left * split[0] + right * split[1]
        away = right * split[0] + left * split[1]
        answers = plogp(toward) + plogp(here) + plogp(away)
        return -answers - (left + right) * ahead
    # The answer `left`: the right one if the goal is on the left, the wrong one if it is on the right.
    toward = left * split[0] + right * split[1] + here * split[4]
    away = right * split[0] + left * split[1] + here * split[4]
    pause = here * split[3] + (left + right) * split[2]
    answers = plogp(toward) + plogp(pause) + plogp(away)
    return -answers - (left + right) * ahead - here * there


@jit
def careful_cell(
    beliefs: Array,
    targets: Array,
    cell: int,
    total: int,
    split: Array,
    cost: float,
    highest: bool,
    gains: Array,
    where: Array,
) -> int:
    """Return the cell to jump to if the user is careful and the grid a line.

    All cells of a gap between two targets tell the same, so a gap is one candidate: its cell nearest to the cursor, or
    its highest.
    """
    # The entropies of an answer that is known but for errors and lapses: elsewhere than on the target, and on it.
    ahead = -(plogp(split[0]) + plogp(split[1]) + plogp(split[2]))
    there = -(plogp(split[3]) + plogp(split[4]) + plogp(split[4]))
    # In the order in which `left` grows below: behind the last target, exactly nothing is left on the right.
    whole = 0.0
    for t in range(len(beliefs)):
        whole += beliefs[t]
    found, left, low = 0, 0.0, 0
    for t in range(len(beliefs) + 1):
        high = targets[t] - 1 if t < len(beliefs) else total - 1
        if low <= high:
            # The cost grows with the distance, so within a gap the nearest cell is the best of those that tell the same.
            near = min(max(cell, low), high)
            where[found] = high if highest and cost == 0.0 else near
            gains[found] = gain_of(left, 0.0, whole - left, split, ahead, there) - cost * abs(
                where[found] - cell
            )
            found += 1
        if t < len(beliefs):
            here = beliefs[t]
            where[found] = targets[t]
            gains[found] = gain_of(
                left, here, whole - left - here, split, ahead, there
            ) - cost * abs(targets[t] - cell)
            found += 1
            left += here
            low = targets[t] + 1
    # Gains that differ by rounding count as equal; without this the choice would hang on the order of a sum.
    best = np.max(gains[:found]) - TOLERANCE
    chosen, nearest = -1, 0
    for k in range(found):
        if gains[k] >= best:
            distance = abs(where[k] - cell)
            # Candidates come in ascending order: with `highest` the last one stays, else the first of the nearest.
            if chosen < 0 or highest or distance < nearest:
                chosen, nearest = where[k], distance
    return chosen


def entropy_table(table: Array) -> Array:
    """Return the entropy of the answer for every cell and goal [bit], (C, C), from `P(y | x, theta)` (C, C, A)."""
    return np.asarray(-plogps(table).sum(axis=-1))


@jit
def fill_answers(table: Array, entropy: Array, targets: Array, answers: Array) -> None:
    """Fill in, for every cell and target, the probabilities of the answers and their entropy, (C, T, A + 1)."""
    # The entropy rides along as one more answer: a single pass over the belief then gives both sums.
    last = table.shape[2]
    for x in range(answers.shape[0]):
        for t in range(len(targets)):
            for y in range(last):
                answers[x, t, y] = table[x, targets[t], y]
            answers[x, t, last] = entropy[x, targets[t]]


@jit
def table_gain(beliefs: Array, answers: Array, mixture: Array) -> float:
    """Return the information of one candidate from its table (T, A + 1); `mixture` (A + 1,) is scratch."""
    mixture[:] = 0.0
    for t in range(len(beliefs)):
        b = beliefs[t]
        for y in range(len(mixture)):
            mixture[y] += b * answers[t, y]
    # Mutual information as H(Y) - H(Y | theta): the last entry of the mixture is the second term.
    gain: float = -mixture[-1]
    for y in range(len(mixture) - 1):
        gain -= plogp(mixture[y])
    return gain


@jit
def table_cell(
    beliefs: Array,
    answers: Array,
    positions: Array,
    cell: int,
    cost: float,
    highest: bool,
    mixture: Array,
    gains: Array,
) -> int:
    """Return the cell to jump to for any user model and grid."""
    total = answers.shape[0]
    best = -np.inf
    for x in range(total):
        gains[x] = table_gain(beliefs, answers[x], mixture)
        if cost > 0.0:
            gains[x] -= cost * _distance(positions, x, cell)
        best = max(best, gains[x])
    chosen, nearest = -1, 0
    for x in range(total):
        if gains[x] >= best - TOLERANCE:
            distance = _distance(positions, x, cell)
            if chosen < 0 or highest or distance < nearest:
                chosen, nearest = x, distance
    return chosen


@jit
def _distance(positions: Array, a: int, b: int) -> int:
    distance = 0
    for k in range(positions.shape[1]):
        distance += abs(positions[a, k] - positions[b, k])
    return distance
