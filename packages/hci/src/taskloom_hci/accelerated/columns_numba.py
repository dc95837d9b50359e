"""Sums of products and random numbers for columns of episodes, compiled; the pieces of `control_numba`."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.exact_normal import CENTRE_P, CENTRE_Q
from taskloom_hci.accelerated.jit import (
    GOLDEN,
    MIX_1,
    MIX_2,
    ONE,
    S11,
    S27,
    S30,
    S31,
    UNIT,
    Array,
    jit,
    normal_quantile,
)

P0, P1, P2, P3, P4, P5, P6, P7 = CENTRE_P
Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7 = CENTRE_Q


@jit
def fill_normals(keys: Array, counter: int, out: Array) -> None:
    """Fill `out` with draw number `counter` of every stream: the centre first, then the tails."""
    step = (np.uint64(counter) + ONE) * GOLDEN
    tails = 0
    # The rational function of the centre for every column, 85 % of which need no other: no branch, so it is vectorised.
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
        # The tails take logarithms and square roots; they are done again one by one.
        if abs(u - 0.5) > 0.425:
            out[i] = normal_quantile(u)


@jit
def add_times(where: Array, values: Array, x: Array, out: Array) -> None:
    """Add a matrix, given as rows and columns (2, k) and values (k,), times `x` (., n) to `out` (., n)."""
    # Terms outside, columns inside: the inner loop runs along memory, and each column adds in the order of the terms.
    for k in range(len(values)):
        i, j, value = where[0, k], where[1, k], values[k]
        for c in range(x.shape[1]):
            out[i, c] += value * x[j, c]


@jit
def add_quadratic(where: Array, values: Array, x: Array, product: Array, total: Array) -> None:
    """Add `x' M x` of every column to `total`; `product` (., n) is scratch."""
    product[:] = 0.0
    add_times(where, values, x, product)
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            total[c] += x[i, c] * product[i, c]


@jit
def add_separately(where: Array, values: Array, x: Array, scratch: Array, out: Array) -> None:
    """Add the product to `out` after it was summed on its own, as NumPy does."""
    # A sum of its own, since floating-point addition is not associative and NumPy forms the product first.
    scratch[:] = 0.0
    add_times(where, values, x, scratch)
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] += scratch[i, c]


@jit
def add_scaled(
    where: Array, values: Array, x: Array, noise: Array, scratch: Array, out: Array
) -> None:
    """Add the product times one random number a column."""
    scratch[:] = 0.0
    add_times(where, values, x, scratch)
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] += scratch[i, c] * noise[c]
