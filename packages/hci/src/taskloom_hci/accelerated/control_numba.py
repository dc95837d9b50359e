"""Classic control compiled by numba: blocks of episodes side by side, so that the processor's vector units are used."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type
# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from typing import Any

import numpy as np

from taskloom_hci.accelerated.columns_numba import (
    add_quadratic,
    add_scaled,
    add_separately,
    add_times,
    fill_normals,
)
from taskloom_hci.accelerated.control import ControlRollout, Int, LoopParts
from taskloom_hci.accelerated.exact_linear import Terms
from taskloom_hci.accelerated.jit import Array, Pack, jit
from taskloom_hci.state.streams import stream_keys

WIDTH = 64


@jit
def look(
    signal: Pack,
    channels: Pack,
    x: Array,
    user: Array,
    r: int,
    num_seen: int,
    noise: Array,
    scratch: Array,
    dy: Array,
) -> None:
    """Fill `dy` with what the user sees of the states."""
    dy[:] = 0.0
    add_times(signal[0], signal[1], x, dy)
    if num_seen:
        for k in range(num_seen):
            fill_normals(user, r * num_seen + k, noise[k])
        add_separately(channels[0], channels[1], noise, scratch, dy)


@jit
def pay(
    costs: Pack, x: Array, u: Array, estimate: Array, alive: Array, scratch: Array, sums: Pack
) -> None:
    """Add the rewards of observing and of inferring to `sums`; the dead earn nothing."""
    (state_where, state), (control_where, control), (error_where, error) = costs
    observed, inferred = sums
    width = x.shape[1]
    first, second, third = np.zeros(width), np.zeros(width), np.zeros(width)
    add_quadratic(state_where, state, x, scratch, first)
    add_quadratic(control_where, control, u, scratch[: u.shape[0]], second)
    add_quadratic(error_where, error, x - estimate, scratch, third)
    for c in range(width):
        observed[c] += alive[c] * (first[c] + second[c])
        inferred[c] += alive[c] * third[c]


@jit
def move(
    system: Pack,
    x: Array,
    u: Array,
    task: Array,
    r: int,
    counts: Pack,
    noise: Array,
    scratch: Array,
    after: Array,
) -> None:
    """Fill `after` with the next states."""
    (a_where, a), (b_where, b), (f_where, f), (y_where, y), (g_where, g) = system
    has_f, has_y, num_noises = counts
    draws = num_noises + has_f + has_y
    for k in range(draws):
        fill_normals(task, r * draws + k, noise[k])
    after[:] = 0.0
    add_times(a_where, a, x, after)
    add_separately(b_where, b, u, scratch, after)
    used = 0
    if has_f:
        add_scaled(f_where, f, x, noise[used], scratch, after)
        used += 1
    if has_y:
        add_scaled(y_where, y, u, noise[used], scratch, after)
        used += 1
    if num_noises:
        add_separately(g_where, g, noise[used:], scratch, after)


@jit
def play_block(
    matrices: Pack,
    noises: Pack,
    start: Array,
    end: Array,
    steps: int,
    task: Array,
    user: Array,
    first: int,
    out: Pack,
) -> None:
    """Play the episodes of one block; `first` is where it begins in the chunk."""
    system, signal, channels, filters, feedback, costs = matrices
    counts, num_seen = noises
    xs, us, estimates, num_rounds, is_done, observed, inferred = out
    n, m, width = xs.shape[1], us.shape[1], len(task)
    last = first + width
    x, after, estimate, better = (
        np.empty((n, width)),
        np.empty((n, width)),
        np.empty((n, width)),
        np.empty((n, width)),
    )
    scratch, dy, u = np.empty((max(n, m), width)), np.empty((n, width)), np.zeros((m, width))
    noise, alive = (
        np.empty((max(counts[0] + counts[1] + counts[2], num_seen, 1), width)),
        np.ones(width),
    )
    for i in range(n):
        x[i], estimate[i] = start[i], start[i]
    for r in range(steps):
        xs[r, :, first:last], estimates[r, :, first:last] = x, estimate
        look(signal, channels, x, user, r, num_seen, noise, scratch, dy)
        pay(costs, x, u, estimate, alive, scratch, (observed[first:last], inferred[first:last]))
        advance_estimate(filters, estimate, u, dy, scratch, better)
        estimate, better = better, estimate
        u[:] = 0.0
        add_times(feedback[0], feedback[1], estimate, u)
        us[r, :, first:last] = u
        move(system, x, u, task, r, counts, noise, scratch, after)
        x, after = after, x
        if len(end) and not finish(x, end, alive, r, first, num_rounds, is_done):
            return


@jit
def advance_estimate(
    matrices: Pack, estimate: Array, u: Array, dy: Array, scratch: Array, better: Any
) -> None:
    """Fill `better` with the filter's next estimates."""
    (blend_where, blend), (drive_where, drive), (gain_where, gain) = matrices
    better[:] = 0.0
    add_times(blend_where, blend, estimate, better)
    add_separately(drive_where, drive, u, scratch, better)
    add_separately(gain_where, gain, dy, scratch, better)


@jit
def finish(
    x: Array, end: Array, alive: Array, r: int, first: int, num_rounds: Array, is_done: Array
) -> bool:
    """Note which episodes came to rest in this step; return whether any goes on."""
    on = False
    for c in range(x.shape[1]):
        if alive[c] == 0.0:
            continue
        rest = True
        for i in range(x.shape[0]):
            rest = rest and abs(x[i, c]) <= end[i]
        if rest:
            alive[c] = 0.0
            num_rounds[first + c] = r + 1
            is_done[first + c] = True
        else:
            on = True
    return on


@jit
def play_all(
    matrices: Pack,
    noises: Pack,
    start: Array,
    end: Array,
    steps: int,
    task: Array,
    user: Array,
    out: Pack,
) -> None:
    """Play all blocks."""
    for first in range(0, len(task), WIDTH):
        last = min(first + WIDTH, len(task))
        play_block(
            matrices, noises, start, end, steps, task[first:last], user[first:last], first, out
        )


def _coordinates(rows: Terms) -> tuple[Array, Array]:
    entries = [(i, j, value) for i, row in enumerate(rows) for j, value in row]
    where = np.array([(i, j) for i, j, _ in entries], dtype=np.int64).reshape(-1, 2).T.copy()
    return where, np.array([value for _, _, value in entries], dtype=np.float64)


def roll_out_compiled(parts: LoopParts, seed: int, episodes: Int) -> ControlRollout:
    """Return `control.roll_out`, compiled."""
    n, steps = len(episodes), parts.max_rounds
    plant, view, states, controls = parts.plant, parts.view, len(parts.start), len(parts.feedback)
    out = ControlRollout(
        np.zeros((steps, states, n)),
        np.zeros((steps, controls, n)),
        np.zeros((steps, states, n)),
        np.full(n, steps),
        np.zeros(n, dtype=bool),
        np.zeros(n),
        np.zeros(n),
    )
    matrices = (
        tuple(_coordinates(rows) for rows in (plant.A, plant.B, plant.F, plant.Y, plant.G)),
        _coordinates(view.signal),
        _coordinates(view.noise),
        tuple(
            _coordinates(rows)
            for rows in (parts.filter.blend, parts.filter.drive, parts.filter.gain)
        ),
        _coordinates(parts.feedback),
        tuple(
            _coordinates(rows) for rows in (view.state_cost, view.control_cost, parts.filter.cost)
        ),
    )
    noises = ((int(plant.has_f), int(plant.has_y), plant.num_noises), view.num_draws)
    end = np.zeros(0) if parts.end is None else np.array(parts.end)
    play_all(
        matrices,
        noises,
        parts.start,
        end,
        steps,
        stream_keys(seed, "task", episodes),
        stream_keys(seed, "user", episodes),
        (out.x, out.u, out.estimate, out.num_rounds, out.is_done, out.observed, out.inferred),
    )
    return out
