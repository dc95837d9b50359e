"""A policy that is a table: an action for every cell and goal of a pointing task, found by value iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream


class TablePolicy(Policy):
    """Looks its action up.

    Args:
        table: Number of the action for every cell and goal, (C, C).
        shape: Cells along each axis of the grid: C in all.
        element: What an action may be.

    Raises:
        HciError: If the table is not of such a grid, or names an action that there is not.
    """

    def __init__(self, table: NDArray[np.int64], shape: tuple[int, ...], element: Element) -> None:
        cells, code = int(np.prod(shape)), ActionCode(element)
        if table.shape != (cells, cells):
            raise HciError(
                f"A table for {cells} cells has the shape ({cells}, {cells}), not {table.shape}."
            )
        if len(code.sizes or ()) != 1 or table.min() < 0 or table.max() >= code.sizes[0]:
            raise HciError("The table names an action that this game does not have.")
        self.table, self.shape, self.element, self._code = table, shape, element, code

    def _cell(self, position: Value) -> int:
        # A place of another grid is told: an index from behind would be taken for a cell.
        place = np.ravel(np.asarray(position, dtype=np.int64))
        if len(place) != len(self.shape) or np.any(place < 0) or np.any(place >= self.shape):
            raise HciError(
                f"The table is of a grid of {self.shape}, which has no place {place.tolist()}."
            )
        return int(np.ravel_multi_index(tuple(place), self.shape))

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        cell, goal = self._cell(observation["task_state"]["position"]), self._cell(state["goal"])
        return self._code.decode(np.int64(self.table[cell, goal])), 0.0
