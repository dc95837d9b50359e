"""A user whose actions follow from the state by a hidden polynomial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from taskloom.moved import moved_names

from taskloom_hci.errors import HciError
from taskloom_hci.models.model import Arrays, Float, UserModel, safe_log

SIZE = 10

__getattr__ = moved_names(__name__)  # the model was called as its user now is


class PolynomialModel(UserModel):
    """Does `(8 + p0 x + p1 x**2 + p2 x**3) mod 10`, which looks random and is not.

    Args:
        coefficients: `(p0, p1, p2)`.
    """

    hidden = ("p0", "p1", "p2")

    def __init__(self, coefficients: Sequence[int] = (1, 5, 7)) -> None:
        if len(coefficients) != len(self.hidden):
            raise HciError(
                f"The polynomial has {len(self.hidden)} coefficients, not {len(coefficients)}."
            )
        self.coefficients = tuple(int(p) for p in coefficients)
        self.actions = np.arange(SIZE)

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., 10): 0 for the one action, -inf for the others."""
        # Integers, so that the remainder is exact whatever the coefficients.
        x = np.asarray(observation["x"], dtype=np.int64)
        known = zip(self.hidden, self.coefficients, strict=True)
        p0, p1, p2 = (np.asarray(theta.get(name, value), dtype=np.int64) for name, value in known)
        action = (8 + p0 * x + p1 * x**2 + p2 * x**3) % SIZE
        return safe_log((action[..., None] == self.actions).astype(np.float64))
