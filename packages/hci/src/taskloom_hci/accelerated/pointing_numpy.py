"""Pointing in NumPy: all episodes of a chunk take each turn together."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.accelerated.pointing import (
    Float,
    Int,
    PointingOutcome,
    PointingRounds,
    PointingRules,
)
from taskloom_hci.inference.goal import uniform_beliefs, update_beliefs
from taskloom_hci.inference.information import Jump, choose_cells
from taskloom_hci.state.streams import UInt64, stream_keys, uniforms


def draw_ranks(keys: UInt64, counter: int, count: int) -> Int:
    """Return draw number `counter` of every stream as a number below `count`."""
    return np.minimum((uniforms(keys, counter) * count).astype(np.int64), count - 1)


def draw_cells(keys: UInt64, count: int, total: int) -> tuple[Int, Int]:
    """Return `games.pointing.draw_cells` for many streams: (n, count) in ascending order and (n,)."""
    counters = np.arange(count + 1)
    left = total - counters
    # All draws at once: the number of draws never depends on what was drawn.
    draws = uniforms(keys[:, None], counters)
    # `u * left` may round up to `left` for the largest u below 1.
    ranks = np.minimum((draws * left).astype(np.int64), left - 1)
    chosen = np.empty((len(keys), count), dtype=np.int64)
    for i in range(count + 1):
        rank = ranks[:, i]
        for j in range(i):
            rank += rank >= chosen[:, j]
        if i < count:
            chosen[:, i] = rank
            chosen[:, : i + 1].sort(axis=1)
    return chosen, ranks[:, count]


def play_rows(
    rules: PointingRules, seed: int, episodes: Int
) -> tuple[PointingOutcome, PointingRounds]:
    """Play the episodes of one chunk."""
    n = len(episodes)
    targets, cell = draw_cells(
        stream_keys(seed, "task", episodes), rules.num_targets, rules.num_cells
    )
    user = stream_keys(seed, "user", episodes)
    goal = targets[np.arange(n), draw_ranks(user, 0, rules.num_targets)]
    person, shift = None, np.zeros(n, dtype=np.int64)
    if rules.people is not None:
        person, which = rules.people.in_episodes(seed, episodes)
        shift = which * rules.num_cells
    num_rounds = np.full(n, rules.max_rounds)
    is_done = np.zeros(n, dtype=bool)
    log_beliefs = uniform_beliefs(n, rules.num_targets)
    if rules.jump is not None and rules.jump.mixture is not None:
        log_beliefs = rules.jump.mixture.first(n, rules.num_targets)
    alive = np.arange(n)
    rows: list[tuple[Int, Int, Int, Int]] = []
    for r in range(rules.max_rounds):
        here, aim = cell[alive], goal[alive]
        draw = uniforms(user[alive], r + 1)
        # Inverse transform: the number of cumulative probabilities that the draw has passed.
        action = (rules.reached[here, aim + shift[alive]] <= draw[:, None]).sum(axis=1)
        done = (here == aim) & (action == rules.stay)
        jump = np.zeros(len(alive), dtype=np.int64)
        # `jump` is filled in below: the array that is kept here is the same one.
        rows.append((alive, here, action, jump))
        num_rounds[alive[done]] = r + 1
        is_done[alive[done]] = True
        kept = ~done
        alive = alive[kept]
        if not len(alive):
            break
        if rules.jump is None:
            cell[alive] = rules.moved[here[kept], action[kept]]
            continue
        log_beliefs[alive], jump[kept] = assist(
            rules.jump, rules, log_beliefs[alive], here[kept], action[kept], targets[alive]
        )
        cell[alive] = jump[kept]
    outcome = PointingOutcome(targets, goal, num_rounds, is_done, person)
    return outcome, in_order(rows)


def assist(
    jump: Jump, rules: PointingRules, log_beliefs: Float, cell: Int, action: Int, targets: Int
) -> tuple[Float, Int]:
    """Return the log-beliefs (n, T) after the users' actions (n,), and the cells (n,) that the assistant jumps to."""
    if jump.mixture is not None:
        joint = jump.mixture.learn(log_beliefs, cell, targets, action, jump.on_zero)
        return joint, choose_cells(jump, rules.positions, joint, targets, cell)
    likelihood = jump.log_table[cell[:, None], targets, action[:, None]]
    log_beliefs, _ = update_beliefs(log_beliefs, likelihood, jump.on_zero)
    return log_beliefs, choose_cells(jump, rules.positions, exact_exps(log_beliefs), targets, cell)


def in_order(rows: list[tuple[Int, Int, Int, Int]]) -> PointingRounds:
    """Sort rounds that were played side by side into episodes."""
    episode, cell, action, jump = (np.concatenate(column) for column in zip(*rows, strict=True))
    # A stable sort leaves the rounds of an episode in the order in which they were played.
    order = np.argsort(episode, kind="stable")
    return PointingRounds(cell[order], action[order], jump[order])
