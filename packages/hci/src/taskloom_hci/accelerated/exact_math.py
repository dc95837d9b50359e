"""Logarithm and exponential in arithmetic that gives the same bits in Python, NumPy and compiled code.

The libraries under the three differ in the last bit, and a belief that differs in its last bit may tip a choice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

LN_2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
LOG_TERMS = 12  # s**2 < 0.0295 in the series below: the next term is under 1e-19

# `exp(x) = 2**k (1 + r + r**2 q(r))` with `x = k ln 2 + r`: q interpolates at Chebyshev nodes, with an error of 2e-17.
EXP_TERMS = (2.510038549551032e-08, 2.7620088445409746e-07, 2.7557268459997064e-06, 2.4801521295954376e-05,
             0.00019841269863053618, 0.0013888888917213717, 0.008333333333330062, 0.04166666666662413,
             0.16666666666666669, 0.5000000000000001)  # fmt: skip
LOG2_E = 1.4426950408889634
LN_2_HIGH, LN_2_LOW = (
    6.93147180369123816490e-01,
    1.90821492927058770002e-10,
)  # 33 bits, and the rest
ENOUGH = 1e-200  # a term that underflows is below 1e-307: beside a larger sum than this it is below the rounding
LARGEST = 709.0  # above, the exponential is no finite number
FEW = 16  # of so few numbers one after the other is faster than forty operations on an array
SMALLEST = -708.0  # below, the exponential would not be a normal number: it counts as zero


def exact_log(x: float) -> float:
    """Return the natural logarithm of a positive number: `2 atanh((m - 1) / (m + 1)) + e ln 2` for `x = m 2**e`."""
    m, e = math.frexp(x)
    if m < SQRT_HALF:
        m, e = m * 2.0, e - 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    total = 0.0
    for k in range(LOG_TERMS, -1, -1):
        total = total * z + 1.0 / (2 * k + 1)
    return 2.0 * s * total + e * LN_2


def exact_logs(x: Float) -> Float:
    """Return `exact_log` of every number."""
    if x.size <= FEW:
        return np.array([exact_log(one) for one in x.ravel().tolist()]).reshape(x.shape)
    m, e = np.frexp(x)
    low = m < SQRT_HALF
    m = np.where(low, m * 2.0, m)
    e = np.where(low, e - 1, e).astype(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    total = np.zeros_like(s)
    for k in range(LOG_TERMS, -1, -1):
        total = total * z + 1.0 / (2 * k + 1)
    return 2.0 * s * total + e * LN_2


def exact_exp(x: float) -> float:
    """Return the exponential of a number of at most 709; zero below -708."""
    if not x >= SMALLEST:
        return 0.0
    k = math.floor(x * LOG2_E + 0.5)
    r = (x - k * LN_2_HIGH) - k * LN_2_LOW
    q = 0.0
    for term in EXP_TERMS:
        q = q * r + term
    return math.ldexp(1.0 + (r + r * r * q), k)


def exact_exps(x: Float) -> Float:
    """Return `exact_exp` of every number."""
    if x.size <= FEW:
        few = x.ravel().tolist()
        if all(one <= LARGEST for one in few):
            return np.array([exact_exp(one) for one in few]).reshape(x.shape)
    y = np.fmax(x, SMALLEST)
    k = np.floor(y * LOG2_E + 0.5)
    r = (y - k * LN_2_HIGH) - k * LN_2_LOW
    q = np.full_like(r, EXP_TERMS[0])
    for term in EXP_TERMS[1:]:
        q *= r
        q += term
    value = np.ldexp(1.0 + (r + r * r * q), k.astype(np.int32))
    return np.asarray(np.where(x >= SMALLEST, value, 0.0))
