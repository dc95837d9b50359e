"""Logistic regression by Newton's method over a stream: as many passes as steps, memory d^2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Read = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]

_TOLERANCE = 1e-10
_MOST_STEPS = 60


class _Local(NamedTuple):
    """The penalised loss at a point, its gradient and its Hessian."""

    loss: float
    gradient: np.ndarray
    hessian: np.ndarray


def fit_logistic(read: Read, width: int, c: float) -> Float[np.ndarray, " d1"]:
    """Return the weights and, last, the intercept that minimise sum of log losses + |w|^2 / (2 c).

    The intercept is not penalised. The problem is strictly convex in w, so a Newton step that is halved until the loss falls
    converges from zero.

    Args:
        read: Starts a pass and yields float64 rows, shape (n, d), and labels 0 or 1, shape (n,).
        width: d.
        c: Inverse strength of the penalty.
    """
    import scipy.linalg  # scipy is heavy

    weights = np.zeros(width + 1)
    here = _local(read, weights, c)
    for _ in range(_MOST_STEPS):
        # The intercept of data that one class fills has no curvature left; the ridge is below any rounding of it.
        ridge = 1e-12 * max(float(np.trace(here.hessian)), 1.0) * np.eye(width + 1)
        step = scipy.linalg.solve(here.hessian + ridge, here.gradient, assume_a="pos")
        decrease = float(step @ here.gradient)
        if decrease <= _TOLERANCE * (1.0 + abs(here.loss)):
            return weights - step
        size = 1.0
        while size > 1e-6:
            there = _local(read, weights - size * step, c)
            if there.loss <= here.loss - 1e-4 * size * decrease:
                break
            size /= 2
        else:
            return weights
        weights, here = weights - size * step, there
    return weights


def _local(read: Read, weights: np.ndarray, c: float) -> _Local:
    from scipy.special import expit  # scipy is heavy

    penalty = np.append(np.full(len(weights) - 1, 1.0 / c), 0.0)
    loss = 0.5 * float(penalty @ weights**2)
    gradient, hessian = penalty * weights, np.diag(penalty)
    for rows, labels in read():
        ones = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        odds = ones @ weights
        p = expit(odds)
        loss += float(np.sum(np.logaddexp(0.0, odds) - labels * odds))
        gradient = gradient + ones.T @ (p - labels)
        weighted = ones * np.sqrt(p * (1 - p))[:, None]
        hessian = hessian + weighted.T @ weighted
    return _Local(loss, gradient, hessian)
