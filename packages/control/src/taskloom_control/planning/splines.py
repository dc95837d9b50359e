"""Splines on an absolute-time knot grid, evaluated by one cached matrix.

Knot k stands at time k * spacing of the simulated clock, whatever the time of planning. A plan holds n knots; the window of a
rollout that begins at time t starts inside the plan's first interval. When t passes a knot, that knot is dropped and the last
one is repeated at the end, so the part of the curve that lies ahead is left alone: the plan advances.

In interval i, with s in [0, 1) the position inside it, the curve is sum_p c[i, p] s^p. After the last knot it is constant.
The number of coefficients is 1 (zero), 2 (linear) or 4 (cubic, akima).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from taskloom_control.planning.akima import akima_coefficients

if TYPE_CHECKING:
    from jaxtyping import Float

SplineName = Literal["zero", "linear", "cubic", "akima"]
NUM_COEFFICIENTS = {"zero": 1, "linear": 2, "cubic": 4, "akima": 4}
MIN_KNOTS = {"zero": 1, "linear": 2, "cubic": 4, "akima": 3}
# Times are sums of steps in floating point; a time this close to a knot (in intervals) is on it.
_SNAP = 1e-9


def num_steps(horizon: float, dt: float) -> int:
    """Return ceil(horizon / dt), where a quotient within rounding of an integer is that integer.

    Args:
        horizon: Length [s].
        dt: Step [s].
    """
    quotient = horizon / dt
    nearest = round(quotient)
    if abs(quotient - nearest) <= _SNAP * max(1.0, abs(quotient)):
        return nearest
    return int(np.ceil(quotient))


@lru_cache(maxsize=64)
def basis(name: SplineName, num_knots: int) -> np.ndarray:
    """Return the coefficients of every knot's cardinal curve, shape (n, p, n), for the splines linear in their knots."""
    n = num_knots
    matrix = np.zeros((n, NUM_COEFFICIENTS[name], n))
    matrix[:, 0] = np.eye(n)
    if name == "linear":
        matrix[: n - 1, 1] = np.eye(n)[1:] - np.eye(n)[:-1]
    elif name == "cubic":
        matrix[: n - 1] = _not_a_knot(n)
    # The cache hands one array to all controllers of a process.
    matrix.setflags(write=False)
    return matrix


def _not_a_knot(n: int) -> np.ndarray:
    """Return the coefficients, shape (n - 1, 4, n), of the cubic spline whose third derivative has no jump next to the ends.

    Solves for the second derivatives m: m[i-1] + 4 m[i] + m[i+1] = 6 (x[i-1] - 2 x[i] + x[i+1]) in units of the spacing, with
    m[0] - 2 m[1] + m[2] = 0 at the beginning and likewise at the end.
    """
    system, right = np.zeros((n, n)), np.zeros((n, n))
    for i in range(1, n - 1):
        system[i, i - 1 : i + 2] = (1.0, 4.0, 1.0)
        right[i, i - 1 : i + 2] = (6.0, -12.0, 6.0)
    system[0, :3] = system[-1, -3:] = (1.0, -2.0, 1.0)
    m = np.linalg.solve(system, right)
    value = np.eye(n)
    slope = value[1:] - value[:-1] - (2.0 * m[:-1] + m[1:]) / 6.0
    return np.stack([value[:-1], slope, m[:-1] / 2.0, (m[1:] - m[:-1]) / 6.0], axis=1)


@dataclass(frozen=True)
class KnotGrid:
    """Grid of the knots, which evaluates a curve through them at the steps of a rollout.

    Attributes:
        name: The spline.
        num_knots: Knots of a plan, n.
        horizon: Length of a rollout [s].
        dt: Step of a rollout [s].
    """

    name: SplineName
    num_knots: int
    horizon: float
    dt: float
    _cache: dict[tuple[str, float], np.ndarray] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def spacing(self) -> float:
        """Time between knots [s]: horizon / n for a zero-order hold, so that the last knot acts too, else horizon / (n-1)."""
        intervals = self.num_knots if self.name == "zero" else self.num_knots - 1
        return self.horizon / max(intervals, 1)

    @cached_property
    def num_steps(self) -> int:
        """Steps of a rollout, T."""
        return num_steps(self.horizon, self.dt)

    def locate(self, time: float) -> tuple[int, float]:
        """Return the index of the knot at or before a time, and the position behind it in [0, 1)."""
        position = time / self.spacing
        nearest = round(position)
        if abs(position - nearest) <= _SNAP * max(1.0, abs(position)):
            return nearest, 0.0
        index = int(np.floor(position))
        return index, position - index

    def coefficients(self, knots: Float[np.ndarray, "*batch n nu"]) -> np.ndarray:
        """Return the curve through the knots, shape (..., n, p, nu)."""
        if self.name == "akima":
            return akima_coefficients(knots)
        if self.name == "zero":
            return knots[..., None, :]
        return np.asarray(np.einsum("ipk,...ku->...ipu", basis(self.name, self.num_knots), knots))

    def powers(self, phase: float) -> Float[np.ndarray, "T np"]:
        """Return the matrix from coefficients, flattened to (n * p), to the values at the steps of a rollout."""
        return self._cached("powers", phase)

    def matrix(self, phase: float) -> Float[np.ndarray, "T n"]:
        """Return the matrix from knots to the values at the steps of a rollout that begins at a phase of the first interval."""
        return self._cached("matrix", phase)

    def _cached(self, kind: str, phase: float) -> np.ndarray:
        # Phases repeat up to rounding when the control period divides the spacing.
        key = (kind, round(phase, 9))
        if key not in self._cache:
            if (
                len(self._cache) >= 512
            ):  # a control period that never meets the grid again would fill memory
                self._cache.clear()
            powers = self.powers_at(phase + np.arange(self.num_steps) * (self.dt / self.spacing))
            if kind == "matrix":
                flat = basis(self.name, self.num_knots).reshape(-1, self.num_knots)
                powers = np.ascontiguousarray(powers @ flat)
            self._cache[key] = powers
        return self._cache[key]

    def powers_at(self, positions: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T np"]:
        """Return the same for any positions, in intervals after the first knot; before it the curve is constant."""
        p = NUM_COEFFICIENTS[self.name]
        # A step that rounding puts a hair before a knot belongs behind it, or a hold would last a step too long.
        nearest = np.round(positions)
        snapped = np.where(
            np.abs(positions - nearest) <= _SNAP * (1 + abs(nearest)), nearest, positions
        )
        index = np.clip(np.floor(snapped), 0, self.num_knots - 1).astype(int)
        inside = np.where(snapped < 0, 0.0, snapped - index)
        rows = np.zeros((len(positions), self.num_knots, p))
        rows[np.arange(len(positions)), index] = inside[:, None] ** np.arange(p)
        return rows.reshape(len(positions), -1)


def shift_curve(coefficients: np.ndarray, count: int) -> np.ndarray:
    """Return the curve without its first intervals; the value at its end is held in the intervals that are new.

    Args:
        coefficients: A curve, shape (n, p, nu).
        count: Knots that lie in the past.
    """
    if count == 0:
        return coefficients
    n = coefficients.shape[0]
    kept = coefficients[min(count, n - 1) :]
    tail = np.zeros((n - kept.shape[0], *coefficients.shape[1:]))
    tail[:, 0] = coefficients[-1, 0]
    return np.concatenate([kept, tail])


def shift_knots(knots: np.ndarray, count: int, axis: int = 0) -> np.ndarray:
    """Return the knots without the first `count` along an axis; the last one is repeated."""
    if count == 0:
        return knots
    n = knots.shape[axis]
    # More knots than there are may lie in the past after a long pause; the last one is then all that is left.
    index = np.minimum(np.arange(n) + count, n - 1)
    return np.asarray(np.take(knots, index, axis=axis))
