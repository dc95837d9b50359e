"""A user model, declared once and used four times: to act, to be scored, to be inferred from and to be asked."""

from __future__ import annotations

import copy
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taskloom_hci.errors import HciError, LikelihoodError
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = Mapping[str, Any]

SUM_TOLERANCE = 1e-12


class Column(NamedTuple):
    """One column of the table of decisions that a model is fitted to.

    Attributes:
        name: The name of what the model reads.
        recorded: Its flat name in recorded episodes.
        whole: Whether it holds whole numbers.
    """

    name: str
    recorded: str
    whole: bool = False


class UserModel(ABC):
    """The distribution `P(action | observation, theta)` over a finite set of actions.

    Attributes:
        actions: What can be done, (A,) or (A, k); an action is known by its index here.
        hidden: Names of what only the user knows: the entries of theta.
        lapse: Probability of an action drawn from all alike, whatever the model says; see `log_likelihood`.
        parameters: Its numbers that data can tell; `log_prob` reads each from theta, and uses `namespace`, so that the
            same lines are differentiated by JAX. None: it cannot be fitted.
        columns: What a table of its decisions holds, beside the action.
        has_history: Whether a situation depends on earlier decisions of the same game.
    """

    actions: NDArray[Any]
    hidden: tuple[str, ...]
    lapse: float = 0.0
    parameters: ClassVar[tuple[UserParameter, ...]] = ()
    columns: ClassVar[tuple[Column, ...]] = ()
    has_history: ClassVar[bool] = False

    @classmethod
    def of_table(cls, table: Arrays) -> Self:
        """Return the model of the user whose decisions a table holds, (N, ...) by the names of `columns`."""
        del table
        return cls()

    def situations(self, table: Arrays, before: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Return what `log_prob` reads in every decision (N, ...): by default the table itself.

        Decisions whose situations are equal have equal probabilities, so a model may leave out what does not count.

        Args:
            table: The columns, in the order of play.
            before: True where a decision goes on from the one above, in the same game of the same person.
        """
        del before
        return {name: np.asarray(values) for name, values in table.items()}

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
    a belief without a hypothesis. Without a lapse it is the model's own, bit for bit. A `lapse` in theta is inferred too.
    """
    log_p = model.log_prob(observation, theta)
    inferred = theta.get("lapse")
    if inferred is None and model.lapse == 0.0:
        return log_p
    xp = namespace(log_p)
    lapse = model.lapse if inferred is None else xp.asarray(inferred)[..., None]
    mixed: Float = xp.log((1.0 - lapse) * xp.exp(log_p) + lapse / log_p.shape[-1])
    return mixed if xp is not np else np.asarray(mixed)


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
    hits = np.flatnonzero(same if same.ndim == 1 else same.reshape(len(same), -1).all(axis=1))
    if len(hits) != 1:
        raise HciError(
            f"{type(model).__name__} has no action {np.asarray(action).tolist()}; it has {model.actions.tolist()}."
        )
    return int(hits[0])


def namespace(*arrays: object) -> Any:  # noqa: ANN401 -- a module of array functions
    """Return NumPy; or `jax.numpy`, if one of the arrays is JAX's."""
    jax = sys.modules.get("jax")  # never imported here: without it no array can be JAX's
    if jax is not None and any(isinstance(array, jax.Array) for array in arrays):
        return jax.numpy
    return np


def safe_log(p: ArrayLike) -> Float:
    """Return the logarithm, -inf for zero, without a warning."""
    xp = namespace(p)
    if xp is not np:
        # The inner choice keeps the slope finite where p is 0: JAX multiplies the slopes of both branches.
        given: Any = p
        found: Float = xp.where(given > 0.0, xp.log(xp.where(given > 0.0, given, 1.0)), -xp.inf)
        return found
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(p, dtype=np.float64))
