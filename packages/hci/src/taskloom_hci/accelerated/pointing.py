"""Pointing as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.inference.information import Jump, Split
from taskloom_hci.models.model import (
    UserModel,
    log_likelihood,
    probabilities,
    require_distribution,
)
from taskloom_hci.models.pointing import CarefulModel, PointingModel

if TYPE_CHECKING:
    from taskloom_hci.games.pointing import Pointing
    from taskloom_hci.users.drawn import PeopleDrawn

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]

# Numbers in a table over cells, goals and actions: 400 MB, beyond which a game is played one round at a time.
TABLE_LIMIT = 50_000_000


@dataclass(frozen=True, slots=True)
class PointingRules:
    """One pointing game with its agents, as arrays.

    Attributes:
        num_targets: Targets T among the C cells.
        max_rounds: Time limit.
        positions: Position of every cell, (C, d).
        reached: Cumulative probabilities of the user's actions without the last one, (C, C, A - 1): cell, goal, action.
        stay: Index of the action that does not move.
        actions: What each action is called in the game, (A,).
        moved: The cell after a user's action with the assistant's gain, (C, A).
        gain: The assistant's action if it is a constant gain.
        jump: The assistant if it jumps.
        assisted: Whether there is an assistant at all.
        people: People who play one after the other; the goals of their k-th set of parameters are at `k C` of `reached`.
    """

    num_targets: int
    max_rounds: int
    positions: Int
    reached: Float
    stay: int
    actions: Int
    moved: Int
    gain: int
    jump: Jump | None
    assisted: bool
    people: PeopleDrawn | None = None

    @property
    def num_cells(self) -> int:
        """Cells C of the grid."""
        return len(self.positions)


def model_table(task: Pointing, model: PointingModel) -> Float:
    """Return the probability of every action for every cell and goal, (C, C, A)."""
    return model_tables(task, model)[0]


def model_tables(task: Pointing, model: PointingModel) -> tuple[Float, Float]:
    """Return the probability of every action for every cell and goal, (C, C, A), and its logarithm.

    Raises:
        HciError: If the grid is too large for that.
        LikelihoodError: If the probabilities do not sum to one.
    """
    size = task.num_cells**2 * len(task.moves)
    if size > TABLE_LIMIT:
        raise HciError(
            f"A grid of {task.num_cells} cells needs a table of {size} probabilities, more than {TABLE_LIMIT}: "
            "make the grid smaller, or choose an assistant without a user model."
        )
    cells = task.positions
    log_p = log_likelihood(model, {"position": cells[:, None]}, {"goal": cells[None, :]})
    table = np.exp(log_p)
    require_distribution(table, type(model).__name__)
    return table, log_p


def going_on_table(model: PointingModel, log_table: Float) -> Float:
    """Return the table of log-probabilities (C, C, A) for a game that goes on: the user did not stay on the goal.

    It is what `models.model.going_on` says, cell by cell.
    """
    if not model.lapse:
        return log_table
    cells = np.arange(len(log_table))
    after = log_table.copy()
    after[cells, cells, model.stay] = -np.inf
    return after


def careful_split(model: UserModel) -> Split | None:
    """Return the probabilities of a careful user's answers in one dimension, else None.

    Returns:
        Those of the right and the wrong direction and of a pause elsewhere than on the goal; on the goal, of staying and of
        each move.
    """
    if not isinstance(model, CarefulModel) or model.dimension != 1:
        return None
    ahead, there = probabilities(model, {"position": np.array([0, 1])}, {"goal": np.array([1, 1])})
    return float(ahead[2]), float(ahead[0]), float(ahead[1]), float(there[1]), float(there[0])


def move_table(task: Pointing, gain: int) -> Int:
    """Return the cell after every action from every cell, (C, A), stopping at the border."""
    positions = task.positions.reshape(task.num_cells, -1)
    after = np.clip(positions[:, None, :] + task.moves[None] * gain, 0, np.array(task.shape) - 1)
    strides = np.array([1]) if task.dimension == 1 else np.array([task.shape[1], 1])
    return np.asarray((after * strides).sum(axis=-1))


@dataclass(frozen=True, slots=True)
class PointingOutcome:
    """Outcome of n episodes: targets (n, T), goal (n,), rounds begun (n,), whether the user got there (n,), the person (n,)."""

    targets: Int
    goal: Int
    num_rounds: Int
    is_done: NDArray[np.bool_]
    person: Int | None = None


@dataclass(frozen=True, slots=True)
class PointingRounds:
    """Every round of n episodes, an episode after the other: cell before it, the user's action, the cell jumped to."""

    cell: Int
    action: Int
    jump: Int
