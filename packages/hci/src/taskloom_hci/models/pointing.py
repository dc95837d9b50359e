"""Users who want a cursor on a grid to reach a goal: the careful pointer and the Boltzmann-rational one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from taskloom.moved import moved_names
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.models.model import Arrays, Column, Float, UserModel, namespace, safe_log
from taskloom_hci.models.parameters import Prior, UserParameter

MOVES_1D = np.array([[-1], [0], [1]])
# None, up, left, down, right; a position is (x, y), and y counts from the top, as lines of text and of pictures do.
MOVES_2D = np.array([[0, 0], [0, -1], [-1, 0], [0, 1], [1, 0]])

__getattr__ = moved_names(__name__)  # the model was called as its user now is


class PointingModel(UserModel):
    """Base of the pointing users: actions are moves on a grid of one or two dimensions.

    In one dimension an action is -1, 0 or +1; in two it is the index of none, up, left, down, right.

    Args:
        dimension: 1 or 2.
    """

    hidden = ("goal",)
    columns = (
        Column("position", "task_state__position", whole=True),
        Column("goal", "user_state__goal", whole=True),
    )

    def __init__(self, dimension: int = 1) -> None:
        if dimension not in {1, 2}:
            raise HciError(f"Pointing has 1 or 2 dimensions, not {dimension}.")
        self.dimension = dimension
        self.moves: NDArray[Any] = MOVES_1D if dimension == 1 else MOVES_2D
        self.stay = 1 if dimension == 1 else 0
        self.actions = self.moves[:, 0] if dimension == 1 else np.arange(len(self.moves))

    @classmethod
    @override
    def of_table(cls, table: Arrays) -> Self:
        return cls(dimension=np.ndim(table["position"]))

    @override
    def situations(self, table: Arrays, before: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Return the way to the goal as if every cursor were at 0: of the places only their difference counts."""
        del before
        goal, position = np.asarray(table["goal"]), np.asarray(table["position"])
        return {"position": np.zeros_like(position), "goal": goal - position}

    @override
    def ending(self, observation: Arrays, theta: Arrays) -> NDArray[np.bool_]:
        now, _ = self.distances(observation, theta)
        stays: NDArray[np.bool_] = np.arange(len(self.moves)) == self.stay
        return np.asarray((now == 0)[..., None] & stays)

    def distances(self, observation: Arrays, theta: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the city-block distance to the goal now (...,) and after every move (..., A)."""
        offset = np.asarray(theta["goal"]) - np.asarray(observation["position"])
        offset = offset[..., None] if self.dimension == 1 else offset
        after = np.abs(offset[..., None, :] - self.moves).sum(axis=-1)
        return np.abs(offset).sum(axis=-1), after


class CarefulModel(PointingModel):
    """Moves towards the goal, with a small rate of errors, and stays where it is only on the goal.

    `1 - error_rate` is shared equally by the moves that shorten the way, `error_rate` by the other moves.

    Args:
        error_rate: Probability of a move that does not shorten the way, in [0, 1].
        dimension: 1 or 2.
    """

    parameters = (UserParameter("error_rate", "logit", Prior("uniform", 0.0, 0.5), -2.5),)

    def __init__(self, error_rate: float = 0.05, dimension: int = 1) -> None:
        super().__init__(dimension)
        if not 0.0 <= error_rate <= 1.0:
            raise HciError(f"An error rate is a probability in [0, 1], not {error_rate}.")
        self.error_rate = error_rate

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., A); `theta` may hold an `error_rate` (...,) to infer it as well."""
        now, after = self.distances(observation, theta)
        given = theta.get("error_rate", self.error_rate)
        xp = namespace(given)
        rate = xp.asarray(given)[..., None]
        moves = np.arange(len(self.moves)) != self.stay
        shorter = (after < now[..., None]) & moves
        longer = ~shorter & moves
        # Where no move shortens or lengthens the way the count is 0; the mask hides what is divided by it.
        good = np.maximum(shorter.sum(axis=-1, keepdims=True), 1)
        bad = np.maximum(longer.sum(axis=-1, keepdims=True), 1)
        moving = xp.where(shorter, (1.0 - rate) / good, xp.where(longer, rate / bad, 0.0))
        at_goal = (now == 0)[..., None]
        return safe_log(xp.where(at_goal, (~moves).astype(np.float64), moving))


class BoltzmannModel(PointingModel):
    """Prefers moves in proportion to `exp(-rationality * distance after the move)`.

    Args:
        rationality: Inverse temperature [1/cell]; 0 is a random user.
        dimension: 1 or 2.
    """

    parameters = (
        UserParameter("rationality", "log", Prior("lognormal", 0.0, 1.0, 0.02, 20.0), 0.0),
    )

    def __init__(self, rationality: float = 3.0, dimension: int = 1) -> None:
        super().__init__(dimension)
        if not rationality >= 0.0:
            raise HciError(f"The rationality of a user is at least 0, not {rationality}.")
        self.rationality = rationality

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., A); `theta` may hold a `rationality` (...,) to infer it as well."""
        _, after = self.distances(observation, theta)
        given = theta.get("rationality", self.rationality)
        xp = namespace(given)
        beta = xp.asarray(given)[..., None]
        # The distance before the move is the same for every action and cancels.
        value = -beta * after
        # The best move's exponent is 0: a large rationality underflows to a sure choice instead of 0 / 0.
        shifted = value - value.max(axis=-1, keepdims=True)
        log_p: Float = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
        return log_p


class Indifferent(PointingModel):
    """Chooses among all moves alike, whatever the goal."""

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., A), all equal."""
        _, after = self.distances(observation, theta)
        return np.full(after.shape, -np.log(len(self.moves)))
