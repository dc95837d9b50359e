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


def update_beliefs_in_place(beliefs: Float, likelihood: Float, on_zero: OnZero = "raise") -> Float:
    """Do `update_beliefs` in `beliefs` itself, by numba where that is installed; return the evidence (n,).

    For beliefs of thousands of users over thousands of hypotheses, where making new arrays costs more than the sums.

    Raises:
        ZeroEvidenceError: If an observation is impossible and nothing else is asked for; nothing is changed then.
    """
    from importlib.util import find_spec

    if find_spec("numba") is None:
        before = beliefs.copy()
        beliefs[:] = update_beliefs(before, likelihood, on_zero)
        return np.asarray(np.cumsum(before * likelihood, axis=1)[:, -1])
    # numba takes a second to import; only those who ask for it pay.
    from taskloom_hci.batch.jump_numba import evidence_of, update_rows

    evidence = np.empty(len(beliefs))
    evidence_of(beliefs, likelihood, evidence)
    impossible = ~(evidence > 0.0)
    if impossible.any() and on_zero == "raise":
        raise ZeroEvidenceError(
            "The user did what every hypothesis of the assistant rules out; choose on_zero='uniform' to start again."
        )
    update_rows(beliefs, likelihood, evidence)
    beliefs[impossible] = 1.0 / beliefs.shape[1]
    return evidence
