"""Measures of risk: what the costs of one candidate plan under several models amount to.

A measure maps costs c_1 .. c_M to one number in the same unit. Sources: Rockafellar and Uryasev (2002) for the conditional
value at risk, whose formula holds for fractional tails too, where the mean of the worst ceil((1 - a) M) costs does not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

RiskName = Literal["mean", "worst", "var", "cvar", "entropic", "mean_std"]


def risk_of(
    costs: Float[np.ndarray, "M R"], risk: RiskName, alpha: float = 0.7, theta: float = 1.0
) -> Float[np.ndarray, " R"]:
    """Return the risk of every candidate.

    A candidate that diverges under a model costs infinity there, and its risk is infinite; the entropic risk of a negative
    theta is that of a planner that hopes, and stays finite unless every model diverges.

    Args:
        costs: Costs of R candidates under M models, shape (M, R); infinite where a rollout diverged.
        risk: The measure.
        alpha: Level of `var` and `cvar`, in [0, 1): the share of the models whose costs lie below the tail.
        theta: Aversion of `entropic`, in 1 over the unit of the costs; and of `mean_std`, in standard deviations.

    Example:
        >>> risk_of(np.arange(1.0, 6.0)[:, None], "cvar", alpha=0.7).round(6).tolist()
        [4.666667]
    """
    diverged = np.isposinf(costs).any(axis=0)
    if risk == "entropic" and theta < 0:
        diverged = np.isposinf(costs).all(axis=0)
    # What diverged is told apart first: infinity less infinity is no number.
    made = np.full(costs.shape[1], np.inf)
    kept = costs[:, ~diverged]
    made[~diverged] = _finite(kept, risk, alpha, theta)
    return made


def _finite(costs: np.ndarray, risk: RiskName, alpha: float, theta: float) -> np.ndarray:
    """Return the risk of candidates that have a finite one."""
    if risk == "worst":
        return np.asarray(costs.max(axis=0))
    if risk in ("var", "cvar"):
        return _tail(costs, alpha, whole=risk == "cvar")
    if risk == "entropic" and theta != 0:
        # The largest exponent becomes 0: an overflow would make two bad candidates equal.
        exponents = theta * costs
        largest = exponents.max(axis=0)
        mean = np.exp(exponents - largest).mean(axis=0)
        return np.asarray((largest + np.log(mean)) / theta)
    mean = costs.mean(axis=0)
    if risk == "mean_std":
        return np.asarray(mean + theta * costs.std(axis=0))
    return np.asarray(mean)


def _tail(costs: np.ndarray, alpha: float, *, whole: bool) -> np.ndarray:
    """Return the value at risk, or the conditional one."""
    count = costs.shape[0]
    # Rounded, because .55 * 20 is 11.000000000000002 and its ceiling another order statistic.
    rank = max(1, math.ceil(round(alpha * count, 9)))
    value = np.sort(costs, axis=0)[rank - 1]
    if not whole:
        return np.asarray(value)
    beyond = np.maximum(costs - value, 0.0).sum(axis=0)
    return np.asarray(value + beyond / ((1.0 - alpha) * count))
