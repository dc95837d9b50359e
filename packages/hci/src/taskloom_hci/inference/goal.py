"""Beliefs about which target the user wants, as probabilities."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import ZeroEvidenceError

Float: TypeAlias = NDArray[np.float64]
OnZero: TypeAlias = Literal["raise", "uniform"]


def update_beliefs(beliefs: Float, likelihood: Float, on_zero: OnZero = "raise") -> Float:
    """Return the posterior of every row: `b_i l_i / sum_j b_j l_j`, summed from left to right.

    The order of the sum is fixed so that one game and a thousand give the same bits. Every step is normalised, so only a
    hypothesis below 1e-308 is lost; `inference.exact` works in logarithms where that matters.

    Args:
        beliefs: Prior (n, T).
        likelihood: Probability of what was observed under each hypothesis, (n, T).
        on_zero: What to do if every hypothesis rules the observation out: `raise`, or start again from `uniform`.

    Raises:
        ZeroEvidenceError: If that happens and nothing else is asked for.
    """
    joint = beliefs * likelihood
    evidence = np.cumsum(joint, axis=1)[:, -1]
    impossible = ~(evidence > 0.0)
    if impossible.any():
        if on_zero == "raise":
            raise ZeroEvidenceError(
                "The user did what every hypothesis of the assistant rules out; assume a model that gives every action "
                "some probability, or choose on_zero='uniform'."
            )
        joint[impossible] = 1.0 / beliefs.shape[1]
        evidence[impossible] = 1.0
    return np.asarray(joint * (1.0 / evidence)[:, None])
