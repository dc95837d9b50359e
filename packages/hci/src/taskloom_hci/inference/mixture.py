"""A belief about the goal and about the user at once: every hypothesis is a target with one of K sets of parameters.

With the weight w_k of the k-th set, as a fit of people gives it, and T targets,

    b_0(theta, k) = w_k / T;    b <- b P(y | x, theta, phi_k), normalised
    P(y | x, theta) = sum_k b(k | theta) P(y | x, theta, phi_k)
    IG(x) = H(sum_theta b(theta) P(. | x, theta)) - sum_theta b(theta) H(P(. | x, theta))

The information is about the goal alone; `both` subtracts the entropies of every target and set instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_math import exact_exps, exact_logs
from taskloom_hci.inference.entropy import plogp
from taskloom_hci.inference.goal import OnZero, update_beliefs

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
About: TypeAlias = Literal["goal", "both"]

_NUMBERS = 400_000


def first_beliefs(log_weights: Float, targets: int) -> Float:
    """Return the log-beliefs (K T,) of one game before anything was seen, by the log-weights of the sets (K,)."""
    return np.repeat(log_weights - exact_logs(np.array([float(targets)]))[0], targets)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Sets of parameters that a user may have, as tables.

    Attributes:
        tables: Probabilities by set, cell, goal and action, (K, C, C, A).
        log_tables: Their logarithms in a game that goes on.
        log_weights: Logarithms of the weights of the sets, (K,).
        about: Information about the goal alone, or about the set too.
    """

    tables: Float
    log_tables: Float
    log_weights: Float
    about: About = "goal"
    _by_goal: Float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Goals first: what a game needs of its targets then lies together.
        by_goal = np.ascontiguousarray(np.moveaxis(self.tables, 2, 0))
        object.__setattr__(self, "_by_goal", by_goal.reshape(*by_goal.shape[:2], -1))

    def first(self, rows: int, targets: int, log_weights: Float | None = None) -> Float:
        """Return the log-beliefs (rows, K T) before anything was seen; sets vary slowest.

        Args:
            rows: Games.
            targets: Targets T.
            log_weights: Logarithms of the weights of the sets, if they are not those of the fit.
        """
        known = self.log_weights if log_weights is None else log_weights
        return np.tile(first_beliefs(known, targets), (rows, 1))

    def learn(self, joint: Float, cell: Int, targets: Int, action: Int, on_zero: OnZero) -> Float:
        """Return the log-beliefs (n, K T) after the users' actions (n,) in cells (n,), with targets (n, T)."""
        n, count = targets.shape
        seen = self.log_tables[:, cell[:, None], targets, action[:, None]]  # (K, n, T)
        likelihood = np.moveaxis(seen, 0, 1).reshape(n, len(self.log_weights) * count)
        return update_beliefs(joint, likelihood, on_zero)[0]

    def goals(self, joint: Float) -> Float:
        """Return the beliefs about the goal (n, T)."""
        p = exact_exps(joint).reshape(len(joint), len(self.log_weights), -1)
        # `cumsum` adds from the first set to the last, whatever the number of rows: `sum` may add in another order.
        return np.asarray(np.cumsum(p, axis=1)[:, -1])

    def sets(self, joint: Float) -> Float:
        """Return the log-beliefs about the set (n, K)."""
        p = exact_exps(joint).reshape(len(joint), len(self.log_weights), -1)
        total = np.cumsum(p, axis=2)[..., -1]
        with np.errstate(divide="ignore"):
            return np.log(total)

    def gain(self, joint: Float, targets: Int) -> Float:
        """Return the information gain of every cell [bit], (n, C)."""
        n, count = targets.shape
        b = np.moveaxis(exact_exps(joint).reshape(n, len(self.log_weights), count), 1, 2)
        sets, cells, actions = len(self.log_weights), *self.tables.shape[1::2]
        # As many games at once as their tables stay near the cache.
        step = max(1, _NUMBERS // max(count * sets * cells * actions, 1))
        parts = [
            self._gain(b[first : first + step], targets[first : first + step])
            for first in range(0, n, step)
        ]
        return np.concatenate(parts) if parts else np.empty((0, cells))

    def _gain(self, b: Float, targets: Int) -> Float:
        """Return the gain for beliefs (n, T, K)."""
        n, count, sets = b.shape
        cells, actions = self.tables.shape[1::2]
        table = self._by_goal[targets]  # (n, T, K, C A)
        by_goal = np.matmul(b[:, :, None], table).reshape(n, count, cells, actions)
        answers = by_goal.sum(axis=1)
        if self.about == "both":
            joint_p = b[..., None, None] * table.reshape(n, count, sets, cells, actions)
            each = plogp(joint_p).sum(axis=-1) - plogp(joint_p.sum(axis=-1))
            expected = -each.sum(axis=(1, 2))
        else:
            each = plogp(by_goal).sum(axis=-1) - plogp(by_goal.sum(axis=-1))
            expected = -each.sum(axis=1)
        return np.asarray(-plogp(answers).sum(axis=-1) - expected)
