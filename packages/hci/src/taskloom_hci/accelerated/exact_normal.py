"""The inverse of the normal distribution function, in arithmetic that gives the same bits everywhere.

Algorithm AS 241, PPND16 (Wichura, Applied Statistics 37(3), 1988): rational approximations with a relative error of about
1e-16. The logarithm of the tails is that of `elementary`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_math import exact_log, exact_logs

Float = NDArray[np.float64]

# Numerators and denominators, highest power first.
CENTRE_P = (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
            13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608)  # fmt: skip
CENTRE_Q = (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
            5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0)  # fmt: skip
NEAR_P = (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
          3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734)  # fmt: skip
NEAR_Q = (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
          0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0)  # fmt: skip
FAR_P = (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
         0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772)  # fmt: skip
FAR_Q = (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
         0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0)  # fmt: skip


def _ratio(p: tuple[float, ...], q: tuple[float, ...], r: float) -> float:
    top = bottom = 0.0
    for a, b in zip(p, q, strict=True):
        top = top * r + a
        bottom = bottom * r + b
    return top / bottom


def _ratios(p: tuple[float, ...], q: tuple[float, ...], r: Float) -> Float:
    top, bottom = np.zeros_like(r), np.zeros_like(r)
    for a, b in zip(p, q, strict=True):
        top = top * r + a
        bottom = bottom * r + b
    return top / bottom


def _floor(u: float) -> float:
    return (
        u if u > 0.0 else 2.0**-54
    )  # a uniform draw of exactly 0 has no quantile; half a step stands for it


def normal_quantile(u: float) -> float:
    """Return the standard normal quantile of `u` in [0, 1)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(CENTRE_P, CENTRE_Q, 0.180625 - q * q)
    r = math.sqrt(-exact_log(_floor(u) if q < 0.0 else 1.0 - u))
    value = _ratio(NEAR_P, NEAR_Q, r - 1.6) if r <= 5.0 else _ratio(FAR_P, FAR_Q, r - 5.0)
    return -value if q < 0.0 else value


def normal_quantiles(u: Float) -> Float:
    """Return `normal_quantile` of every number."""
    q = u - 0.5
    out = q * _ratios(CENTRE_P, CENTRE_Q, 0.180625 - q * q)
    tail = np.abs(q) > 0.425
    if not tail.any():
        return out
    q_tail = q[tail]
    mass = np.where(q_tail < 0.0, u[tail], 1.0 - u[tail])
    r = np.sqrt(-exact_logs(np.where(mass > 0.0, mass, 2.0**-54)))
    value = np.where(r <= 5.0, _ratios(NEAR_P, NEAR_Q, r - 1.6), _ratios(FAR_P, FAR_Q, r - 5.0))
    out[tail] = np.where(q_tail < 0.0, -value, value)
    return out
