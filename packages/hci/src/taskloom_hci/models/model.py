"""A user model, declared once and used four times: to act, to be scored, to be inferred from and to be asked."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

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
        lapse: Probability of an action drawn from all alike, whatever the model says; see `log_likelihood`.
    """

    actions: NDArray[Any]
    hidden: tuple[str, ...]
    lapse: float = 0.0

    @abstractmethod
    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return the log-probability of every action, (..., A), of a user who never lapses.

        Args:
            observation: Arrays by name; leading axes broadcast against those of theta.
            theta: Arrays by name, for `hidden`.
        """

    def ending(self, observation: Arrays, theta: Arrays) -> NDArray[np.bool_] | None:
        """Return which actions (..., A) would have ended the game under each hypothesis; None says that none would.

        A game that goes on rules out a hypothesis by which it would be over.
        """
        del observation, theta
        return None

    def lapsing(self, lapse: float) -> Self:
        """Return the same model of a user who lapses with this probability.

        Raises:
            HciError: If it is no probability below 1.
        """
        if not 0.0 <= lapse < 1.0:
            raise HciError(f"A lapse is a probability in [0, 1), not {lapse}.")
        if lapse == self.lapse:
            return self
        twin = copy.copy(self)
        twin.lapse = lapse
        return twin

    def observation_of(self, seen: Arrays) -> Arrays:
        """Return the model's observation in what an agent sees of a game; by default the task's state."""
        found: Arrays = seen["task_state"]
        return found


def log_likelihood(model: UserModel, observation: Arrays, theta: Arrays) -> Float:
    """Return the log-probability of every action, (..., A), of a user who now and then does anything.

    With the lapse l and A actions it is `log((1 - l) P(y) + l / A)`: nothing is impossible, so no action of a person leaves
    a belief without a hypothesis. Without a lapse it is the model's own, bit for bit.
    """
    log_p = model.log_prob(observation, theta)
    if model.lapse == 0.0:
        return log_p
    return np.asarray(np.log((1.0 - model.lapse) * np.exp(log_p) + model.lapse / log_p.shape[-1]))


def going_on(model: UserModel, observation: Arrays, theta: Arrays, log_p: Float) -> Float:
    """Return log-probabilities (..., A) in a game that went on: -inf for what would have ended it.

    Only a user who lapses needs it: without a lapse the figures of earlier versions stand, which did without.
    """
    ended = model.ending(observation, theta) if model.lapse else None
    return log_p if ended is None else np.where(ended, -np.inf, log_p)


def probabilities(model: UserModel, observation: Arrays, theta: Arrays) -> Float:
    """Return the probability of every action, (..., A).

    Raises:
        LikelihoodError: If they do not sum to one.
    """
    # A model with an error in it may return large numbers; the check below names it, so NumPy need not.
    with np.errstate(over="ignore"):
        p = np.exp(log_likelihood(model, observation, theta))
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


def score(
    model: UserModel,
    observation: Arrays,
    theta: Arrays,
    action: NDArray[np.int64],
    *,
    is_over: bool = True,
) -> Float:
    """Return the log-probability of the actions (...,) that were taken, by index.

    Args:
        model: The user model.
        observation: See `UserModel.log_prob`.
        theta: See `UserModel.log_prob`.
        action: The actions.
        is_over: Whether the game may have ended with them; an assistant that is asked knows that it did not.
    """
    log_p = log_likelihood(model, observation, theta)
    if not is_over:
        log_p = going_on(model, observation, theta, log_p)
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
