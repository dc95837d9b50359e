"""A belief about the goal and about the user at once: every hypothesis is a target with one of K sets of parameters.

With the weight w_k of the k-th set, as a fit of people gives it, and T targets,

    b_0(theta, k) = w_k / T;    b <- b P(y | x, theta, phi_k), normalised
    P(y | x, theta) = sum_k b(k | theta) P(y | x, theta, phi_k)
    IG(x) = H(sum_theta b(theta) P(. | x, theta)) - sum_theta b(theta) H(P(. | x, theta))

The information is about the goal alone; `both` subtracts the entropies of every target and set instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_math import exact_exps, exact_logs
from taskloom_hci.inference.entropy import plogp
from taskloom_hci.inference.goal import OnZero, update_beliefs

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
About: TypeAlias = Literal["goal", "both"]


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

    def first(self, rows: int, targets: int, log_weights: Float | None = None) -> Float:
        """Return the log-beliefs (rows, K T) before anything was seen; sets vary slowest.

        Args:
            rows: Games.
            targets: Targets T.
            log_weights: Logarithms of the weights of the sets, if they are not those of the fit.
        """
        known = self.log_weights if log_weights is None else log_weights
        each = np.repeat(known - exact_logs(np.array([float(targets)]))[0], targets)
        return np.tile(each, (rows, 1))

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
        b = exact_exps(joint).reshape(n, len(self.log_weights), count)
        found = np.empty((n, self.tables.shape[1]))
        # Row by row: rows share no table, and one row's arrays stay in the cache.
        for row in range(n):
            table = self.tables[:, :, targets[row]]  # (K, C, T, A)
            joint_p = b[row][:, None, :, None] * table
            by_goal = joint_p.sum(axis=0)  # (C, T, A): b(theta) P(y | x, theta)
            answers = by_goal.sum(axis=1)
            if self.about == "both":
                inner = joint_p.sum(axis=-1)
                known = plogp(joint_p).sum(axis=-1) - plogp(inner)
                expected = -known.sum(axis=(0, 2))
            else:
                goal = by_goal.sum(axis=-1)
                expected = -(plogp(by_goal).sum(axis=-1) - plogp(goal)).sum(axis=-1)
            found[row] = -plogp(answers).sum(axis=-1) - expected
        return found
