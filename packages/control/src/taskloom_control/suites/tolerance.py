"""The reward shape of the DeepMind control suite, in array form.

Y. Tassa et al., "DeepMind Control Suite", arXiv:1801.00690, section 2: 1 inside of an interval, and a sigmoid of the distance
from it outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Sigmoid = Literal["gaussian", "linear", "quadratic", "long_tail", "hyperbolic", "reciprocal"]


def tolerance(
    x: Float[np.ndarray, ...],
    bounds: tuple[float, float] = (0.0, 0.0),
    margin: float = 0.0,
    sigmoid: Sigmoid = "gaussian",
    value_at_margin: float = 0.1,
) -> Float[np.ndarray, ...]:
    """Return 1 within the bounds, and less and less outside of them.

        >>> import numpy as np
        >>> tolerance(np.array([0.0, 1.0]), margin=1.0).round(3).tolist()
        [1.0, 0.1]

    Args:
        x: The numbers.
        bounds: Lower and upper bound, inclusive.
        margin: Distance from the bounds at which the value is `value_at_margin`; 0 makes it 0 outside.
        sigmoid: Shape outside.
        value_at_margin: Value at that distance.
    """
    low, high = bounds
    inside = (x >= low) & (x <= high)
    if margin == 0:
        return np.where(inside, 1.0, 0.0)
    distance = np.where(x < low, low - x, x - high) / margin
    return np.where(inside, 1.0, _sigmoid(distance, value_at_margin, sigmoid))


def _sigmoid(x: np.ndarray, value: float, sigmoid: Sigmoid) -> np.ndarray:
    """Return the shape at a distance in margins, given its value at one."""
    if sigmoid == "gaussian":
        # log10-free form of the suite: exp(-x^2 s^2 / 2) with s^2 = -2 log v
        return np.asarray(np.exp(-0.5 * (x * math.sqrt(-2 * math.log(value))) ** 2))
    if sigmoid == "linear":
        scaled = x * (1 - value)
        return np.where(np.abs(scaled) < 1, 1 - scaled, 0.0)
    if sigmoid == "quadratic":
        scaled = x * math.sqrt(1 - value)
        return np.where(np.abs(scaled) < 1, 1 - scaled**2, 0.0)
    if sigmoid == "long_tail":
        return np.asarray(1 / ((x * math.sqrt(1 / value - 1)) ** 2 + 1))
    if sigmoid == "hyperbolic":
        return np.asarray(1 / np.cosh(x * math.acosh(1 / value)))
    return np.asarray(1 / (np.abs(x) * (1 / value - 1) + 1))
