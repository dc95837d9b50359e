"""A policy that asks the most telling question, for any user model and any kind of action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.inference.entropy import plogp
from taskloom_hci.inference.information import TOLERANCE
from taskloom_hci.models.model import UserModel, probabilities
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

if TYPE_CHECKING:
    from taskloom_hci.inference.exact import ExactInference

Float: TypeAlias = NDArray[np.float64]


class InformationTable:
    """`P(y | x, theta)` for candidates x, hypotheses theta and answers y, laid out so that one product gives every gain.

    The rows are the answers of all candidates and, after them, the entropies `H(Y | x, theta)`: with a belief b the product
    `rows @ b` holds all `P(y | x)` and all `H(Y | Theta, x)`.

    Args:
        table: The probabilities, (X, H, Y).
    """

    def __init__(self, table: Float) -> None:
        x, h, y = table.shape
        self.shape = (x, h, y)
        # The answers are gathered behind each other, so that one matrix product serves a decision over all candidates.
        answers = np.moveaxis(table, -1, 0).reshape(y * x, h)
        self._rows = np.ascontiguousarray(np.vstack([answers, -plogp(table).sum(axis=-1)]))

    def gain(self, belief: Float) -> Float:
        """Return the information gain of every candidate [bit], (X,), for a belief (H,)."""
        x, _, y = self.shape
        mixed = self._rows @ belief
        return np.asarray(-plogp(mixed[: y * x]).reshape(y, x).sum(axis=0) - mixed[y * x :])


class InformationGain(Policy):
    """Does what will tell most about the hypotheses of the agent's inference, less what it costs.

    Args:
        element: What an action may be.
        candidates: The actions to choose from, (X, ...).
        inference: Keeps the belief: its model and hypotheses are used here as well.
        situation: Returns what the user would see after each candidate, arrays with the leading axes (X, 1), given what the
            agent sees and the candidates.
        cost: Returns what each candidate costs [bit], (X,); by default nothing.
        fixed: Whether the situations never change, so that the table is made once.
    """

    def __init__(
        self,
        element: Element,
        candidates: NDArray[Any],
        inference: ExactInference,
        situation: Callable[[StateTree, NDArray[Any]], Mapping[str, Any]],
        *,
        cost: Callable[[StateTree, NDArray[Any]], Float] | None = None,
        fixed: bool = False,
    ) -> None:
        if not len(candidates):
            raise HciError("Information gain needs at least one candidate.")
        self.element, self.candidates, self.inference = element, candidates, inference
        self._situation, self._cost, self.fixed = situation, cost, fixed
        self._table: InformationTable | None = None

    def gain(self, observation: StateTree, state: Mapping[str, Any]) -> Float:
        """Return what every candidate is worth now [bit], (X,)."""
        table = self._table
        if table is None:
            model: UserModel = self.inference.model
            seen = self._situation(observation, self.candidates)
            table = InformationTable(
                probabilities(model, seen, self.inference.theta_in(observation))
            )
            # A table over (X, H, Y) costs more than a decision by it; where situations change it would be of another moment.
            self._table = table if self.fixed else None
        worth = table.gain(np.exp(state[self.inference.key]))
        return worth if self._cost is None else worth - self._cost(observation, self.candidates)

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        worth = self.gain(observation, state)
        # The first of those within rounding of the best: the choice does not hang on the last bit.
        return self.candidates[int(np.argmax(worth >= worth.max() - TOLERANCE))], 0.0
