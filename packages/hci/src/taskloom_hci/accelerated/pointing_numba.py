"""Pointing compiled by numba: one episode after the other, nothing allocated inside a round."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.belief_numba import update
from taskloom_hci.accelerated.jit import Array, Pack, exact_exp, exact_log, jit, rank, uniform
from taskloom_hci.accelerated.jump_numba import (
    careful_cell,
    entropy_table,
    fill_answers,
    table_cell,
)
from taskloom_hci.accelerated.pointing import Int, PointingOutcome, PointingRounds, PointingRules
from taskloom_hci.errors import ZeroEvidenceError
from taskloom_hci.inference.goal import IMPOSSIBLE
from taskloom_hci.state.streams import stream_keys

# What moves the cursor after the user acted.
SHIFT, MAP, SPLIT, TABLE = 0, 1, 2, 3
SMALLEST_COST = (
    1e-6  # below, the cells of a gap may tie although their costs differ, and only the table tells
)


@jit
def draw_cells(key: np.uint64, total: int, chosen: Array) -> int:
    """Fill `chosen` with different cells in ascending order and return one more; see `games.pointing.draw_cells`."""
    count = len(chosen)
    cell = 0
    for i in range(count + 1):
        # A rank among the cells that are left: no draw is thrown away, so every episode uses as many numbers.
        cell = rank(key, i, total - i)
        for j in range(i):
            if cell >= chosen[j]:
                cell += 1
        if i < count:
            # Insertion keeps the few chosen cells in order without a sort, which would allocate.
            j = i
            while j > 0 and chosen[j - 1] > cell:
                chosen[j] = chosen[j - 1]
                j -= 1
            chosen[j] = cell
    return cell


@jit
def grown(array: Array) -> Array:
    """Return an array of twice the length that begins alike."""
    longer = np.empty(2 * len(array), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@jit
def act(reached: Array, cell: int, goal: int, u: float) -> int:
    """Return the action that a uniform number draws from cumulative probabilities."""
    action = 0
    for k in range(reached.shape[2]):
        # Counted, not searched: there are only a handful of actions.
        if reached[cell, goal, k] <= u:
            action += 1
    return action


@jit
def play_gain(
    task_keys: Array,
    user_keys: Array,
    reached: Array,
    moved: Array,
    stay: int,
    max_rounds: int,
    keep: bool,
    out: Pack,
) -> Pack:
    """Play episodes in which every move is carried out; return cells and actions of all rounds if they are kept."""
    targets, goals, num_rounds, is_done = out
    total = moved.shape[0]
    # A guess at the rounds of all episodes, in one array: no round allocates anything.
    size = 16 * len(task_keys) if keep else 1
    cells, actions = np.empty(size, np.int64), np.empty(size, np.int64)
    used = 0
    for i in range(len(task_keys)):
        cell = draw_cells(task_keys[i], total, targets[i])
        key = user_keys[i]
        goal = targets[i, rank(key, 0, targets.shape[1])]
        goals[i] = goal
        # Cut off unless the loop below finds an end.
        num_rounds[i] = max_rounds
        for r in range(max_rounds):
            # Draw 0 chose the goal; the scalar game counts its draws alike.
            action = act(reached, cell, goal, uniform(key, r + 1))
            if keep:
                # Doubling, so that copying stays a constant share of the time.
                if used == len(cells):
                    cells, actions = grown(cells), grown(actions)
                cells[used], actions[used] = cell, action
                used += 1
            if cell == goal and action == stay:
                num_rounds[i] = r + 1
                is_done[i] = True
                break
            cell = moved[cell, action]
    return cells[:used], actions[:used]


@jit
def play_jump(
    task_keys: Array,
    user_keys: Array,
    reached: Array,
    tables: Pack,
    entropy: Array,
    positions: Array,
    settings: Pack,
    split: Array,
    keep: bool,
    out: Pack,
) -> Pack:
    """Play episodes in which an assistant jumps; return cells, actions and jumps of all rounds if they are kept.

    `tables` are the user model's probabilities and their logarithms, `settings` is (way, stay, max_rounds, restart, highest,
    threshold, cost). The last value returned is false if an action was impossible under every hypothesis.
    """
    targets, goals, num_rounds, is_done = out
    table, log_table = tables
    way, stay, max_rounds, restart, highest, threshold, cost = settings
    total, count = table.shape[0], targets.shape[1]
    # With jumps, games are shorter: 3.4 rounds on average with the defaults.
    size = 6 * len(task_keys) if keep else 1
    cells, actions, jumps = (
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
    )
    # All scratch of all rounds, once, for the same reason.
    beliefs, log_beliefs = np.empty(count), np.empty(count)
    answers = np.empty((total if way == TABLE else 1, count, table.shape[2] + 1))
    mixture, gains = np.empty(table.shape[2] + 1), np.empty(max(total, 2 * count + 1))
    where = np.empty(max(total, 2 * count + 1), np.int64)
    used = 0
    for i in range(len(task_keys)):
        cell = draw_cells(task_keys[i], total, targets[i])
        key = user_keys[i]
        goal = targets[i, rank(key, 0, count)]
        goals[i] = goal
        num_rounds[i] = max_rounds
        # Our own logarithm: those of the C library and of NumPy may differ in the last bit.
        log_beliefs[:] = -exact_log(float(count))
        # Gathered once an episode: the rounds then read the answers of the targets in one sweep of memory.
        if way == TABLE:
            fill_answers(table, entropy, targets[i], answers)
        for r in range(max_rounds):
            action = act(reached, cell, goal, uniform(key, r + 1))
            done = cell == goal and action == stay
            jump = 0
            if not done:
                # The caller raises: our errors are no types that compiled code knows.
                if not update(log_table, cell, targets[i], action, log_beliefs, restart):
                    return cells[:0], actions[:0], jumps[:0], False
                for t in range(count):
                    beliefs[t] = exact_exp(log_beliefs[t])
                best = np.argmax(beliefs)
                if way == MAP or beliefs[best] > threshold:
                    jump = targets[i, best]
                elif way == SPLIT:
                    jump = careful_cell(
                        beliefs, targets[i], cell, total, split, cost, highest, gains, where
                    )
                else:
                    jump = table_cell(
                        beliefs, answers, positions, cell, cost, highest, mixture, gains
                    )
            if keep:
                if used == len(cells):
                    cells, actions, jumps = grown(cells), grown(actions), grown(jumps)
                cells[used], actions[used], jumps[used] = cell, action, jump
                used += 1
            if done:
                num_rounds[i] = r + 1
                is_done[i] = True
                break
            cell = jump
    return cells[:used], actions[:used], jumps[:used], True


def play_compiled(
    rules: PointingRules, seed: int, episodes: Int, *, keep: bool = True, generic: bool = False
) -> tuple[PointingOutcome, PointingRounds]:
    """Play the episodes of one chunk.

    Args:
        rules: The game.
        seed: Root of all random numbers.
        episodes: Which episodes, (n,).
        keep: Keep the rounds; without it only the outcomes.
        generic: Use the likelihood table even where sums of the belief would do.
    """
    n, jump = len(episodes), rules.jump
    task, user = stream_keys(seed, "task", episodes), stream_keys(seed, "user", episodes)
    outcome = PointingOutcome(
        np.empty((n, rules.num_targets), np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.zeros(n, np.bool_),
    )
    out = (outcome.targets, outcome.goal, outcome.num_rounds, outcome.is_done)
    if jump is None:
        cells, actions = play_gain(
            task, user, rules.reached, rules.moved, rules.stay, rules.max_rounds, keep, out
        )
        return outcome, PointingRounds(cells, actions, np.zeros(len(cells), np.int64))
    # Sums of the belief (O(T) a round instead of O(C T A)) choose as the table does, but for costs at rounding level.
    exact = jump.cost == 0.0 or jump.cost >= SMALLEST_COST
    way = (
        MAP
        if jump.rule == "map"
        else SPLIT
        if jump.split is not None and exact and not generic
        else TABLE
    )
    settings = (
        way,
        rules.stay,
        rules.max_rounds,
        jump.on_zero == "uniform",
        jump.tie == "highest",
        jump.threshold,
        jump.cost,
    )
    # numba compiles a function anew for every type: absent parts are arrays of zeros, never None.
    split = np.array(jump.split or (0.0,) * 5)
    entropy = entropy_table(jump.table) if way == TABLE else np.zeros((1, 1))
    cells, actions, jumps, possible = play_jump(
        task,
        user,
        rules.reached,
        (jump.table, jump.log_table),
        entropy,
        rules.positions,
        settings,
        split,
        keep,
        out,
    )
    if not possible:
        raise ZeroEvidenceError(IMPOSSIBLE)
    return outcome, PointingRounds(cells, actions, jumps)
