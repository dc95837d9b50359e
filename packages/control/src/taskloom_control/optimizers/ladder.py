"""A ladder of noise scales: each candidate draws with its own, from coarse to fine, so that one plan explores and rests.

One standard deviation serves two purposes: it is large enough to swing up, or small enough to hold. Candidate i draws with
sigma * finest^v(i), where v is van der Corput's sequence in base 2 (0, 1/2, 1/4, 3/4, ...; J. van der Corput 1935). It does not
depend on the number of candidates, so the first n of N equal a plan of n, and a plan that is cut short keeps coarse and fine ones.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def van_der_corput(index: int) -> float:
    """Return the index's binary digits mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8, ..."""
    value, place = 0.0, 0.5
    while index:
        value += place * (index & 1)
        index, place = index >> 1, place / 2
    return value


@cache
def ladder(count: int, finest: float) -> Float[np.ndarray, "R 1 1"]:
    """Return the scale of every candidate's noise, between 1 and `finest`."""
    scales = finest ** np.array([van_der_corput(i) for i in range(count)])
    scales = scales[:, None, None]
    scales.setflags(write=False)
    return np.asarray(scales)


@cache
def ramp(num_knots: int, last: float) -> Float[np.ndarray, "n 1"]:
    """Return the factor of every knot's noise, which grows linearly to that of the last; all 1 for a ramp of 0."""
    factors = last * np.arange(1, num_knots + 1) / num_knots if last > 0 else np.ones(num_knots)
    factors = factors[:, None]
    factors.setflags(write=False)
    return np.asarray(factors)
