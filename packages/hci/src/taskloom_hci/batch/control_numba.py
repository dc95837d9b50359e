"""Classic control compiled by numba: blocks of episodes side by side, so that the processor's vector units are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskloom_hci.batch.control import Int, LoopParts, Rollout
from taskloom_hci.batch.jit import (
    GOLDEN,
    MIX_1,
    MIX_2,
    ONE,
    S11,
    S27,
    S30,
    S31,
    UNIT,
    jit,
    normal_quantile,
)
from taskloom_hci.linear import Terms
from taskloom_hci.normal import CENTRE_P, CENTRE_Q
from taskloom_hci.random import stream_keys

WIDTH = 64

P0, P1, P2, P3, P4, P5, P6, P7 = CENTRE_P
Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7 = CENTRE_Q


@jit
def fill_normals(keys: Any, counter: int, out: Any) -> None:
    """Fill `out` with draw number `counter` of every stream: the centre first, then the tails."""
    step = (np.uint64(counter) + ONE) * GOLDEN
    tails = 0
    for i in range(len(keys)):
        z = keys[i] + step
        z = (z ^ (z >> S30)) * MIX_1
        z = (z ^ (z >> S27)) * MIX_2
        q = np.float64(np.int64((z ^ (z >> S31)) >> S11)) * UNIT - 0.5
        r = 0.180625 - q * q
        top = ((((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5) * r + P6) * r + P7
        bottom = ((((((Q0 * r + Q1) * r + Q2) * r + Q3) * r + Q4) * r + Q5) * r + Q6) * r + Q7
        out[i] = q * (top / bottom)
        tails += int(abs(q) > 0.425)
    if tails == 0:
        return
    for i in range(len(keys)):
        z = keys[i] + step
        z = (z ^ (z >> S30)) * MIX_1
        z = (z ^ (z >> S27)) * MIX_2
        u = np.float64(np.int64((z ^ (z >> S31)) >> S11)) * UNIT
        if abs(u - 0.5) > 0.425:
            out[i] = normal_quantile(u)


@jit
def add_times(where: Any, values: Any, x: Any, out: Any) -> None:
    """Add a matrix, given as rows and columns (2, k) and values (k,), times `x` (., n) to `out` (., n)."""
    for k in range(len(values)):
        i, j, value = where[0, k], where[1, k], values[k]
        for c in range(x.shape[1]):
            out[i, c] += value * x[j, c]


@jit
def add_quadratic(where: Any, values: Any, x: Any, product: Any, total: Any) -> None:
    """Add `x' M x` of every column to `total`; `product` (., n) is scratch."""
    product[:] = 0.0
    add_times(where, values, x, product)
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            total[c] += x[i, c] * product[i, c]


@jit
def play_block(
    matrices: Any,
    noises: Any,
    start: Any,
    end: Any,
    steps: int,
    task: Any,
    user: Any,
    first: int,
    out: Any,
) -> None:
    """Play the episodes of one block; `first` is where it begins in the chunk."""
    (
        aw,
        av,
        bw,
        bv,
        fw,
        fv,
        yw,
        yv,
        gw,
        gv,
        sw,
        sv,
        nw,
        nv,
        kw,
        kv,
        dw,
        dv,
        ww,
        wv,
        lw,
        lv,
        qw,
        qv,
        rw,
        rv,
        uw,
        uv,
    ) = matrices
    has_f, has_y, num_noises, num_seen = noises
    xs, us, estimates, num_rounds, is_done, observed, inferred = out
    n, m, width = xs.shape[1], us.shape[1], len(task)
    draws = num_noises + has_f + has_y
    x, after = np.empty((n, width)), np.empty((n, width))
    estimate, better = np.empty((n, width)), np.empty((n, width))
    error, scratch = np.empty((n, width)), np.empty((n, width))
    u, u_scratch = np.zeros((m, width)), np.empty((m, width))
    dy, noise = np.empty((n, width)), np.empty((max(draws, num_seen, 1), width))
    paid, alive = np.empty(width), np.ones(width)
    for i in range(n):
        x[i], estimate[i] = start[i], start[i]
    for r in range(steps):
        for i in range(n):
            xs[r, i, first : first + width] = x[i]
            estimates[r, i, first : first + width] = estimate[i]
        dy[:] = 0.0
        add_times(sw, sv, x, dy)
        if num_seen:
            for k in range(num_seen):
                fill_normals(user, r * num_seen + k, noise[k])
            scratch[:] = 0.0
            add_times(nw, nv, noise, scratch)
            for i in range(n):
                for c in range(width):
                    dy[i, c] += scratch[i, c]
        paid[:] = 0.0
        add_quadratic(qw, qv, x, scratch, paid)
        noise_cost = np.zeros(width)
        add_quadratic(rw, rv, u, u_scratch, noise_cost)
        for c in range(width):
            observed[first + c] += alive[c] * (paid[c] + noise_cost[c])
        for i in range(n):
            for c in range(width):
                error[i, c] = x[i, c] - estimate[i, c]
        paid[:] = 0.0
        add_quadratic(uw, uv, error, scratch, paid)
        for c in range(width):
            inferred[first + c] += alive[c] * paid[c]
        advance_estimate((dw, dv, ww, wv, kw, kv), estimate, u, dy, scratch, better)
        estimate, better = better, estimate
        u[:] = 0.0
        add_times(lw, lv, estimate, u)
        for j in range(m):
            us[r, j, first : first + width] = u[j]
        for k in range(draws):
            fill_normals(task, r * draws + k, noise[k])
        after[:] = 0.0
        add_times(aw, av, x, after)
        add_separately(bw, bv, u, scratch, after)
        used = 0
        if has_f:
            add_scaled(fw, fv, x, noise[used], scratch, after)
            used += 1
        if has_y:
            add_scaled(yw, yv, u, noise[used], scratch, after)
            used += 1
        if num_noises:
            add_separately(gw, gv, noise[used:], scratch, after)
        x, after = after, x
        if len(end) and not finish(x, end, alive, r, first, num_rounds, is_done):
            return


@jit
def add_separately(where: Any, values: Any, x: Any, scratch: Any, out: Any) -> None:
    """Add the product to `out` after it was summed on its own, as NumPy does."""
    scratch[:] = 0.0
    add_times(where, values, x, scratch)
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] += scratch[i, c]


@jit
def add_scaled(where: Any, values: Any, x: Any, noise: Any, scratch: Any, out: Any) -> None:
    """Add the product times one random number a column."""
    scratch[:] = 0.0
    add_times(where, values, x, scratch)
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] += scratch[i, c] * noise[c]


@jit
def advance_estimate(
    matrices: Any, estimate: Any, u: Any, dy: Any, scratch: Any, better: Any
) -> None:
    """Fill `better` with the filter's next estimates."""
    blend_where, blend, drive_where, drive, gain_where, gain = matrices
    better[:] = 0.0
    add_times(blend_where, blend, estimate, better)
    add_separately(drive_where, drive, u, scratch, better)
    add_separately(gain_where, gain, dy, scratch, better)


@jit
def finish(x: Any, end: Any, alive: Any, r: int, first: int, num_rounds: Any, is_done: Any) -> bool:
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
    matrices: Any, noises: Any, start: Any, end: Any, steps: int, task: Any, user: Any, out: Any
) -> None:
    """Play all blocks."""
    for first in range(0, len(task), WIDTH):
        last = min(first + WIDTH, len(task))
        play_block(
            matrices, noises, start, end, steps, task[first:last], user[first:last], first, out
        )


def _coordinates(rows: Terms) -> tuple[Any, Any]:
    entries = [(i, j, value) for i, row in enumerate(rows) for j, value in row]
    where = np.array([(i, j) for i, j, _ in entries], dtype=np.int64).reshape(-1, 2).T.copy()
    return where, np.array([value for _, _, value in entries], dtype=np.float64)


def roll_out_compiled(parts: LoopParts, seed: int, episodes: Int) -> Rollout:
    """Return `control.roll_out`, compiled."""
    n, steps = len(episodes), parts.max_rounds
    plant, view, states, controls = parts.plant, parts.view, len(parts.start), len(parts.feedback)
    out = Rollout(
        np.zeros((steps, states, n)),
        np.zeros((steps, controls, n)),
        np.zeros((steps, states, n)),
        np.full(n, steps),
        np.zeros(n, dtype=bool),
        np.zeros(n),
        np.zeros(n),
    )
    groups = (
        plant.A, plant.B, plant.F, plant.Y, plant.G, view.signal, view.noise, parts.filter.gain, parts.filter.blend,
        parts.filter.drive, parts.feedback, view.state_cost, view.control_cost, parts.filter.cost,
    )  # fmt: skip
    matrices = tuple(array for rows in groups for array in _coordinates(rows))
    noises = (int(plant.has_f), int(plant.has_y), plant.num_noises, view.num_draws)
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
