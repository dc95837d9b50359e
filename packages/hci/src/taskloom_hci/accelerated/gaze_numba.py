"""Visual search in the plane compiled by numba, in the very operations that NumPy's linear algebra does for two by two.

OpenBLAS fuses a product with a sum where a processor can; the functions below do so at the same places. Another build may
do it elsewhere, so `agrees` compares them with NumPy on random matrices before anything is played by them.
"""

# ruff: noqa: ANN401, PLR0917 -- compiled functions take their arrays by position, and the compiler's arguments have no types

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from taskloom_hci.accelerated.jit import Array, Pack, jit, normal_quantile, uniform
from taskloom_hci.accelerated.pointing_numba import grown
from taskloom_hci.policies.gaze import ASPECT, NEAREST

FIXATION, MEAN, COV, LOOK, WIDTH = 0, 2, 4, 8, 10  # columns of a round


def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return `a b + c`, rounded once."""
    del typing_context, a, b, c

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


# What compiled code calls takes the numbers alone.
fused = cast("Callable[[float, float, float], float]", intrinsic(_fused))


@jit
def dot(x: float, y: float) -> float:
    """Return the dot product of a vector with itself."""
    return fused(y, y, x * x)


@jit
def times(m: Pack, x: float, y: float) -> Pack:
    """Return a matrix (row by row) times a vector."""
    return fused(m[0], x, m[1] * y), fused(m[2], x, m[3] * y)


@jit
def product(m: Pack, n: Pack) -> Pack:
    """Return a matrix times another."""
    return (
        fused(m[1], n[2], m[0] * n[0]),
        fused(m[1], n[3], m[0] * n[1]),
        fused(m[3], n[2], m[2] * n[0]),
        fused(m[3], n[3], m[2] * n[1]),
    )


@jit
def inverse(m: Pack) -> Pack:
    """Return the inverse, by elimination with the larger pivot."""
    a, b, c, d = m
    swap = abs(c) > abs(a)
    if swap:
        a, b, c, d = c, d, a, b
    first, below = 1.0 / a, c * (1.0 / a)
    last = 1.0 / (d - below * b)
    # The unit matrix, its rows in the order in which the pivots were taken.
    x0, z0 = (0.0, 1.0) if swap else (1.0, 0.0)
    x1, z1 = (
        ((1.0 if swap else 0.0) - below * x0) * last,
        ((0.0 if swap else 1.0) - below * z0) * last,
    )
    x0, z0 = fused(-b, x1, x0) * first, fused(-b, z1, z0) * first
    return x0, z0, x1, z1


@jit
def frame_of(x: float, y: float, noise: float) -> Pack:
    """Return the deviations along and across a vector, and the axes as columns; see `policies.gaze.axes`."""
    length = max(math.sqrt(dot(x, y)), NEAREST)
    along = noise * length
    if x == 0.0 and y == 0.0:
        first, second = 1.0, 0.0
    else:
        first, second = x / length, y / length
    return math.sqrt(along), math.sqrt(ASPECT * along), (first, -second, second, first)


@jit
def disturbed(x: float, y: float, noise: float, key: np.uint64, counter: int) -> Pack:
    """Return the noise of a vector, from draws `counter` and the next."""
    along, across, frame = frame_of(x, y, noise)
    first = normal_quantile(uniform(key, counter))
    second = normal_quantile(uniform(key, counter + 1))
    return times(frame, along * first, across * second)


@jit
def covariance(x: float, y: float, noise: float) -> Pack:
    """Return the covariance of `disturbed`."""
    along, across, m = frame_of(x, y, noise)
    a, b = along * along, across * across
    return product((m[0] * a, m[1] * b, m[2] * a, m[3] * b), (m[0], m[2], m[1], m[3]))


@jit
def posterior(mean: Pack, cov: Pack, seen: Pack, noise: Pack) -> Pack:
    """Return the mean and the covariance of a belief after seeing a point; see `inference.kalman`."""
    p, q = inverse(cov), inverse(noise)
    after = inverse((p[0] + q[0], p[1] + q[1], p[2] + q[2], p[3] + q[3]))
    by_noise, by_prior = times(q, seen[0], seen[1]), times(p, mean[0], mean[1])
    return times(after, by_noise[0] + by_prior[0], by_noise[1] + by_prior[1]), after


@jit
def clipped(x: float) -> float:
    """Return a coordinate within the screen."""
    return min(max(x, -1.0), 1.0)


@jit
def search_all(
    keys: Array,
    targets: Array,
    prior: Pack,
    eyes: Pack,
    ends: Pack,
    max_rounds: int,
    out: Pack,
) -> Array:
    """Play episodes one after the other; return their rounds (R, 10).

    `eyes` are the noises of seeing, thinking and moving, `ends` the half width of a target and the threshold.
    """
    num_rounds, is_done = out
    see, think, move = eyes
    half, threshold = ends
    size = 16 * len(keys) * WIDTH
    rows, used = np.empty(size), 0
    for i in range(len(keys)):
        tx, ty = targets[i, 0], targets[i, 1]
        fx, fy = 0.0, 0.0
        mean, cov = prior
        num_rounds[i] = max_rounds
        counter = 0
        for r in range(max_rounds):
            if used + WIDTH > len(rows):
                rows = grown(rows)
            rows[used + FIXATION], rows[used + FIXATION + 1] = fx, fy
            rows[used + MEAN], rows[used + MEAN + 1] = mean
            for k in range(4):
                rows[used + COV + k] = cov[k]
            nx, ny = disturbed(tx - fx, ty - fy, see, keys[i], counter)
            counter += 2
            sx, sy = tx + nx, ty + ny
            noise = covariance(sx - fx, sy - fy, think)
            mean, cov = posterior(mean, cov, (sx, sy), noise)
            mx, my = 0.0, 0.0
            # Eyes without motor noise take no numbers.
            if move != 0.0:
                mx, my = disturbed(mean[0] - fx, mean[1] - fy, move, keys[i], counter)
                counter += 2
            fx, fy = clipped(mean[0] + mx), clipped(mean[1] + my)
            rows[used + LOOK], rows[used + LOOK + 1] = fx, fy
            used += WIDTH
            if math.sqrt(dot(fx - tx, fy - ty)) - half < threshold:
                num_rounds[i] = r + 1
                is_done[i] = True
                break
    return rows[:used]


def search_compiled(
    keys: Array, targets: Array, prior: Pack, eyes: Pack, ends: Pack, max_rounds: int
) -> tuple[Array, Array, dict[str, Array]]:
    """Play episodes; return the rounds of each, whether it found its target, and its columns. See `search_all`."""
    num_rounds, is_done = np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=bool)
    out = (num_rounds, is_done)
    rows = search_all(keys, targets, prior, eyes, ends, max_rounds, out).reshape(-1, WIDTH)
    return (
        *out,
        {
            "task_state__fixation": rows[:, FIXATION:MEAN],
            "user_state__belief_mean": rows[:, MEAN:COV],
            "user_state__belief_cov": rows[:, COV:LOOK].reshape(-1, 2, 2),
            "user_action": rows[:, LOOK:],
        },
    )


@jit
def _fill_algebra(vectors: Array, matrices: Array, others: Array, out: Array) -> None:
    for i in range(len(vectors)):
        m = (matrices[i, 0, 0], matrices[i, 0, 1], matrices[i, 1, 0], matrices[i, 1, 1])
        n = (others[i, 0, 0], others[i, 0, 1], others[i, 1, 0], others[i, 1, 1])
        x, y = vectors[i]
        out[i, 0] = dot(x, y)
        out[i, 1], out[i, 2] = times(m, x, y)
        for k in range(4):
            out[i, 3 + k] = product(m, n)[k]
            out[i, 7 + k] = inverse(m)[k]


@cache
def agrees() -> bool:
    """Return whether these functions have the bits of NumPy's on this machine."""
    rng = np.random.default_rng(0)
    n = 512
    vectors, others = rng.normal(size=(n, 2)), rng.normal(size=(n, 2, 2))
    roots = rng.normal(size=(n, 2, 2)) * 10.0 ** rng.integers(-6, 3, size=(n, 1, 1))
    matrices = np.concatenate([roots[::2], (roots @ np.swapaxes(roots, 1, 2))[1::2]])
    ours = np.empty((n, 11))
    _fill_algebra(vectors, matrices, others, ours)
    theirs = [
        np.vecdot(vectors, vectors)[:, None],
        (matrices @ vectors[..., None])[..., 0],
        (matrices @ others).reshape(n, 4),
        np.linalg.inv(matrices).reshape(n, 4),
    ]
    return bool(np.array_equal(ours, np.concatenate(theirs, axis=1)))
