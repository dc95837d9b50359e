"""Beliefs in logarithms, compiled; `taskloom_hci.inference.goal` says what they mean."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

import numpy as np

from taskloom_hci.accelerated.exact_math import ENOUGH
from taskloom_hci.accelerated.jit import Array, exact_exp, exact_log, jit


@jit
def evidence_of(joint: Array, total: float) -> float:
    """Return the logarithm of a sum of exponentials, given what it came to without care; -inf if all are zero."""
    if total > ENOUGH:
        return exact_log(total)
    top = -np.inf
    for t in range(len(joint)):
        top = max(top, joint[t])
    if top == -np.inf:
        return top
    total = 0.0
    for t in range(len(joint)):
        total += exact_exp(joint[t] - top)
    return exact_log(total) + top


@jit
def update(
    log_table: Array, cell: int, targets: Array, action: int, log_beliefs: Array, restart: bool
) -> bool:
    """Update log-beliefs (T,) by an action; return whether that is possible."""
    total = 0.0
    for t in range(len(log_beliefs)):
        log_beliefs[t] += log_table[cell, targets[t], action]
        total += exact_exp(log_beliefs[t])
    evidence = evidence_of(log_beliefs, total)
    if evidence == -np.inf:
        log_beliefs[:] = -exact_log(float(len(log_beliefs)))
        return restart
    for t in range(len(log_beliefs)):
        log_beliefs[t] -= evidence
    return True


@jit
def fill_joint(prior: Array, likelihood: Array, joint: Array, weight: Array) -> None:
    """Fill in the sums of two rows of logarithms and their exponentials, all (T,)."""
    for t in range(len(prior)):
        joint[t] = prior[t] + likelihood[t]
        weight[t] = exact_exp(joint[t])


@jit
def fill_evidence(log_beliefs: Array, log_likelihood: Array, evidence: Array) -> bool:
    """Fill in the log-evidence of every row (n,); return whether all of it is possible.

    Four rows go side by side: the sum of a row is a chain of additions, and one chain alone leaves the processor waiting.
    """
    n, count = log_beliefs.shape
    joint, weight, possible = np.zeros((4, count)), np.zeros((4, count)), True
    for first in range(0, n, 4):
        rows = min(4, n - first)
        for j in range(rows):
            fill_joint(log_beliefs[first + j], log_likelihood[first + j], joint[j], weight[j])
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for t in range(count):
            a += weight[0, t]
            b += weight[1, t]
            c += weight[2, t]
            d += weight[3, t]
        totals = (a, b, c, d)
        for j in range(rows):
            evidence[first + j] = evidence_of(joint[j], totals[j])
            possible = possible and evidence[first + j] > -np.inf
    return possible


@jit
def update_rows(log_beliefs: Array, log_likelihood: Array, evidence: Array, restart: bool) -> bool:
    """Update log-beliefs (n, T) in place and fill in the log-evidence (n,); return false and change nothing if one is impossible."""
    n, count = log_beliefs.shape
    if not fill_evidence(log_beliefs, log_likelihood, evidence) and not restart:
        return False
    fresh = -exact_log(float(count))
    for i in range(n):
        total = evidence[i]
        if total == -np.inf:
            log_beliefs[i] = fresh
            continue
        for t in range(count):
            log_beliefs[i, t] = (log_beliefs[i, t] + log_likelihood[i, t]) - total
    return True
