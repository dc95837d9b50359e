"""Parts of every compiled kernel: the compiler, and the random numbers of `taskloom_hci.state.streams`.

Nothing here may use `fastmath`: the same operations in the same order give the same bits as NumPy.
"""

# ruff: noqa: ANN401 -- what the compiler hands over has no types

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped] # it has no types
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from taskloom_hci.accelerated import exact_math as elementary, exact_normal as normal
from taskloom_hci.state import streams as random

F = TypeVar("F", bound=Callable[..., Any])

Array: TypeAlias = NDArray[Any]
Pack: TypeAlias = tuple[Any, ...]  # several arrays or settings in one argument


def jit(function: F) -> F:
    """Compile a function when it is first called; the machine code is kept on disk."""
    # numba's own type hides the signature of the function.
    return cast(F, numba.njit(cache=True, nogil=True)(function))


GOLDEN = np.uint64(random.GOLDEN)
MIX_1, MIX_2 = np.uint64(random.MIX_1), np.uint64(random.MIX_2)
S11, S27, S30, S31 = (np.uint64(shift) for shift in (11, 27, 30, 31))
ONE = np.uint64(1)
UNIT = 2.0**-53


@jit
def uniform(key: np.uint64, counter: int) -> float:
    """Return draw number `counter` of a stream."""
    z = key + (np.uint64(counter) + ONE) * GOLDEN
    z = (z ^ (z >> S30)) * MIX_1
    z = (z ^ (z >> S27)) * MIX_2
    return float((z ^ (z >> S31)) >> S11) * UNIT


@jit
def rank(key: np.uint64, counter: int, count: int) -> int:
    """Return draw number `counter` of a stream as a number below `count`."""
    return min(int(uniform(key, counter) * count), count - 1)


@jit
def plogp(p: float) -> float:
    """Return `p log2 p`, zero at zero."""
    return p * math.log2(p) if p > 0.0 else 0.0


CENTRE_P, CENTRE_Q = np.array(normal.CENTRE_P), np.array(normal.CENTRE_Q)
NEAR_P, NEAR_Q = np.array(normal.NEAR_P), np.array(normal.NEAR_Q)
FAR_P, FAR_Q = np.array(normal.FAR_P), np.array(normal.FAR_Q)
LOG_WEIGHTS = np.array([1.0 / (2 * k + 1) for k in range(elementary.LOG_TERMS, -1, -1)])
SQRT_HALF, LN_2 = elementary.SQRT_HALF, elementary.LN_2


@jit
def exact_log(x: float) -> float:
    """Return `elementary.exact_log`."""
    m, e = math.frexp(x)
    if m < SQRT_HALF:
        m, e = m * 2.0, e - 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    total = 0.0
    for weight in LOG_WEIGHTS:
        total = total * z + weight
    return 2.0 * s * total + float(e) * LN_2


E9, E8, E7, E6, E5, E4, E3, E2, E1, E0 = elementary.EXP_TERMS
LOG2_E, SMALLEST = elementary.LOG2_E, elementary.SMALLEST
LN_2_HIGH, LN_2_LOW = elementary.LN_2_HIGH, elementary.LN_2_LOW


def _bits_as_float(typing_context: Any, bits: Any) -> Any:
    """Return the number that 64 bits stand for; unlike `ldexp` it is no call, so that loops over it use vector units."""
    del typing_context, bits

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


# What compiled code calls takes the bits alone.
bits_as_float = cast("Callable[[Any], float]", intrinsic(_bits_as_float))


@jit
def exact_exp(x: float) -> float:
    """Return `elementary.exact_exp`; written out, without branches."""
    y = max(x, SMALLEST)
    k = np.floor(y * LOG2_E + 0.5)
    r = (y - k * LN_2_HIGH) - k * LN_2_LOW
    q = (
        (((((((E9 * r + E8) * r + E7) * r + E6) * r + E5) * r + E4) * r + E3) * r + E2) * r + E1
    ) * r + E0
    value = (1.0 + (r + r * r * q)) * bits_as_float((np.int64(k) + 1023) << 52)
    return value if x >= SMALLEST else 0.0


@jit
def ratio(p: Array, q: Array, r: float) -> float:
    """Return the quotient of two polynomials."""
    top, bottom = 0.0, 0.0
    for i in range(8):
        top = top * r + p[i]
        bottom = bottom * r + q[i]
    return top / bottom


@jit
def normal_quantile(u: float) -> float:
    """Return `normal.normal_quantile`."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * ratio(CENTRE_P, CENTRE_Q, 0.180625 - q * q)
    mass = (u if u > 0.0 else 2.0**-54) if q < 0.0 else 1.0 - u
    r = math.sqrt(-exact_log(mass))
    value = ratio(NEAR_P, NEAR_Q, r - 1.6) if r <= 5.0 else ratio(FAR_P, FAR_Q, r - 5.0)
    return -value if q < 0.0 else value
