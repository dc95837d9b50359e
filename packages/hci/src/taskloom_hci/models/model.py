"""A user model, declared once and used four times: to act, to be scored, to be inferred from and to be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taskloom_hci.errors import HciError, LikelihoodError

Float: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = Mapping[str, Any]

SUM_TOLERANCE = 1e-12


class UserModel(ABC):
    """The distribution `P(action | observation, theta)` over a finite set of actions.

    Attributes:
        actions: What can be done, (A,) or (A, k); an action is known by its index here.
        hidden: Names of what only the user knows: the entries of theta.
    """

    actions: NDArray[Any]
    hidden: tuple[str, ...]

    @abstractmethod
    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return the log-probability of every action, (..., A).

        Args:
            observation: Arrays by name; leading axes broadcast against those of theta.
            theta: Arrays by name, for `hidden`.
        """

    def observation_of(self, seen: Arrays) -> Arrays:
        """Return the model's observation in what an agent sees of a game; by default the task's state."""
        found: Arrays = seen["task_state"]
        return found


def probabilities(model: UserModel, observation: Arrays, theta: Arrays) -> Float:
    """Return the probability of every action, (..., A).

    Raises:
        LikelihoodError: If they do not sum to one.
    """
    # A model with an error in it may return large numbers; the check below names it, so NumPy need not.
    with np.errstate(over="ignore"):
        p = np.exp(model.log_prob(observation, theta))
    require_distribution(p, type(model).__name__)
    return p


def require_distribution(p: Float, owner: str) -> None:
    """Raise `LikelihoodError` unless the last axis holds probabilities that sum to one."""
    total = p.sum(axis=-1)
    # Written so that a NaN fails as well.
    if not (np.all(p >= 0.0) and np.all(np.abs(total - 1.0) <= SUM_TOLERANCE)):
        worst = np.ravel(total)[np.argmax(np.abs(np.ravel(total) - 1.0))]
        raise LikelihoodError(
            f"The action probabilities of {owner} must sum to 1; these sum to {worst:.17g}."
        )


def choose(p: Float, u: ArrayLike) -> NDArray[np.int64]:
    """Return the index drawn by a uniform number `u` (...,) from probabilities (..., A): the inverse distribution."""
    # Without the last edge, which rounding may leave below 1: the last action takes what is left.
    reached = np.cumsum(p, axis=-1)[..., :-1] <= np.asarray(u)[..., None]
    return np.asarray(reached.sum(axis=-1), dtype=np.int64)


def score(model: UserModel, observation: Arrays, theta: Arrays, action: NDArray[np.int64]) -> Float:
    """Return the log-probability of the actions (...,) that were taken, by index."""
    log_p = model.log_prob(observation, theta)
    index = np.broadcast_to(np.asarray(action)[..., None], (*log_p.shape[:-1], 1))
    return np.take_along_axis(log_p, index, axis=-1)[..., 0]


def action_index(model: UserModel, action: ArrayLike) -> int:
    """Return the index of one action.

    Raises:
        HciError: If the model does not have it.
    """
    same = model.actions == np.asarray(action)
    hits = np.flatnonzero(same.reshape(len(model.actions), -1).all(axis=1))
    if len(hits) != 1:
        raise HciError(
            f"{type(model).__name__} has no action {np.asarray(action).tolist()}; it has {model.actions.tolist()}."
        )
    return int(hits[0])


def safe_log(p: ArrayLike) -> Float:
    """Return the logarithm, -inf for zero, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(p, dtype=np.float64))
