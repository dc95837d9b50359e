"""Beliefs about which target the user wants, as log-probabilities, with the same bits for one game and for thousands.

With the log-belief `w` and the log-likelihood `l` of what the user did,

    w_i <- w_i + l_i - log sum_j exp(w_j + l_j)

The sum runs from left to right and is taken as it is; only where it is not well above zero the largest term is taken out
first, so that a hypothesis may be as unlikely as 1e-100000 and come back. If every term is zero the evidence is zero:
an error, or a fresh start from a uniform belief.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_math import ENOUGH, exact_exps, exact_logs
from taskloom_hci.errors import ZeroEvidenceError

Float: TypeAlias = NDArray[np.float64]
OnZero: TypeAlias = Literal["raise", "uniform"]

IMPOSSIBLE = (
    "The user did what every hypothesis of the assistant rules out; assume a model that gives every action some "
    "probability, or choose on_zero='uniform'."
)


def update_beliefs(
    log_beliefs: Float, log_likelihood: Float, on_zero: OnZero = "raise"
) -> tuple[Float, Float]:
    """Return the log-posterior of every row (n, T), and the log-evidence (n,).

    Args:
        log_beliefs: Log-prior (n, T).
        log_likelihood: Log-probability of what was observed under each hypothesis, (n, T).
        on_zero: What to do if every hypothesis rules the observation out: `raise`, or start again from `uniform`.

    Raises:
        ZeroEvidenceError: If that happens and nothing else is asked for.
    """
    joint = log_beliefs + log_likelihood
    # `cumsum` adds from left to right as the loop and the compiled code do; `sum` adds in pairs, with other last bits.
    total = np.cumsum(exact_exps(joint), axis=1)[:, -1]
    # Written so that a NaN counts as faint. Taking the largest term out first costs a pass that hardly any row needs.
    faint = ~(total > ENOUGH)
    if not faint.any():
        evidence = exact_logs(total)
        return joint - evidence[:, None], evidence
    evidence = np.empty(len(joint))
    evidence[~faint] = exact_logs(total[~faint])
    evidence[faint] = _faint_evidence(joint[faint])
    impossible = np.isneginf(evidence)
    if impossible.any() and on_zero == "raise":
        raise ZeroEvidenceError(IMPOSSIBLE)
    posterior = joint - np.where(impossible, 0.0, evidence)[:, None]
    # Zero evidence and no objection: a fresh start.
    posterior[impossible] = -exact_logs(np.array([float(joint.shape[1])]))
    return posterior, evidence


def _faint_evidence(joint: Float) -> Float:
    """Return the logarithm of sums whose terms are all tiny."""
    top = joint.max(axis=1)
    # Rows without any possible term are left out: -inf - -inf is no number.
    possible = top > -np.inf
    shifted = joint[possible] - top[possible, None]
    evidence = np.full(len(joint), -np.inf)
    evidence[possible] = exact_logs(np.cumsum(exact_exps(shifted), axis=1)[:, -1]) + top[possible]
    return evidence


def update_beliefs_in_place(
    log_beliefs: Float, log_likelihood: Float, on_zero: OnZero = "raise"
) -> Float:
    """Do `update_beliefs` in `log_beliefs` itself, by numba where that is installed; return the log-evidence (n,).

    For beliefs of thousands of users over thousands of hypotheses, where making new arrays costs more than the sums.

    Raises:
        ZeroEvidenceError: If an observation is impossible and nothing else is asked for; nothing is changed then.
    """
    if find_spec("numba") is None:
        log_beliefs[:], evidence = update_beliefs(log_beliefs, log_likelihood, on_zero)
        return evidence
    from taskloom_hci.accelerated.belief_numba import update_rows  # numba is heavy

    evidence = np.empty(len(log_beliefs))
    if not update_rows(log_beliefs, log_likelihood, evidence, on_zero == "uniform"):
        raise ZeroEvidenceError(IMPOSSIBLE)
    return evidence


def uniform_beliefs(rows: int, count: int) -> Float:
    """Return log-beliefs (rows, count) of those who know nothing yet."""
    return np.full((rows, count), -exact_logs(np.array([float(count)]))[0])
