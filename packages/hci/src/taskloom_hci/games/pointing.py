"""Pointing: a cursor on a grid, and targets of which the user wants one."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.models.pointing import MOVES_1D, MOVES_2D
from taskloom_hci.state.elements import Element, Value, discrete_array_element
from taskloom_hci.state.spaces import bounds, contains
from taskloom_hci.state.state import State
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import InteractionTask

PointingMode: TypeAlias = Literal["gain", "position"]


class Pointing(InteractionTask):
    """A cursor on a grid, targets on it, and a goal among the targets that only the user knows.

    On the user's half nothing moves: the reward is -1, and the game ends if the cursor is on the goal and the user's
    action is to stay. On the assistant's half, in mode `gain` the cursor moves by the user's action times the assistant's
    action (and stops at the border); in mode `position` the assistant's action is where the cursor goes. Without an
    assistant the user's action moves the cursor by itself.

    In one dimension a position is the number of its cell; in two it is `(x, y)`, with `y` counted from the top, and the
    cells are numbered column by column.

    Args:
        shape: Cells along each axis: `(31,)` or `(width, height)`.
        num_targets: How many different target cells there are.
        mode: What the assistant's action means.
        max_rounds: Rounds after which a game is cut off.
    """

    constants = ("task_state__targets", "user_state__goal")

    def __init__(
        self,
        shape: Sequence[int] = (31,),
        num_targets: int = 8,
        mode: PointingMode = "gain",
        max_rounds: int = 50,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.num_cells = int(np.prod(self.shape))
        if len(self.shape) not in {1, 2} or min(self.shape) < 1:
            raise HciError(f"A pointing grid has one or two positive sizes, not {self.shape}.")
        if not 1 <= num_targets < self.num_cells:
            raise HciError(
                f"{num_targets} targets and a free cell do not fit on {self.num_cells} cells: "
                f"choose 1 to {self.num_cells - 1} targets."
            )
        if mode not in {"gain", "position"}:
            raise HciError(f"The mode of pointing is 'gain' or 'position', not '{mode}'.")
        self.num_targets, self.mode, self.max_rounds = num_targets, mode, max_rounds
        self.dimension = len(self.shape)
        self.moves = MOVES_1D if self.dimension == 1 else MOVES_2D
        self.positions = self._positions()
        self.state["position"] = self.cell_element("clip")
        top = self.positions[-1]
        shape_all = (num_targets,) if self.dimension == 1 else (num_targets, 2)
        self.state["targets"] = discrete_array_element(
            low=np.zeros(shape_all, dtype=np.int64), high=np.broadcast_to(top, shape_all)
        )

    def _positions(self) -> NDArray[np.int64]:
        """Return the position of every cell: (C,) in one dimension, (C, 2) in two."""
        if self.dimension == 1:
            return np.arange(self.num_cells)
        return np.stack(np.divmod(np.arange(self.num_cells), self.shape[1]), axis=-1)

    def cell_element(self, mode: Literal["clip", "error"] = "error") -> Element:
        """Return an element that holds one position."""
        if self.dimension == 1:
            return discrete_array_element(self.num_cells, init=0, out_of_bounds_mode=mode)
        high = np.array(self.shape) - 1
        return discrete_array_element(
            low=np.zeros(2, dtype=np.int64), high=high, out_of_bounds_mode=mode
        )

    def user_element(self) -> Element:
        """Return what a user's action may be here."""
        if self.dimension == 1:
            return discrete_array_element(low=-1, high=1, init=0, out_of_bounds_mode="error")
        return discrete_array_element(len(MOVES_2D), init=0, out_of_bounds_mode="error")

    def assistant_element(self) -> Element:
        """Return what an assistant's action may be here: a cell, or a gain."""
        if self.mode == "position":
            return self.cell_element()
        return discrete_array_element(low=1, high=max(self.shape), out_of_bounds_mode="error")

    def cell_of(self, position: Value) -> int:
        """Return the number of the cell at a position."""
        if self.dimension == 1:
            return int(position)
        return int(position[0]) * self.shape[1] + int(position[1])

    def cells_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the cells at positions: (n,) in one dimension, (n, 2) in two."""
        if self.dimension == 1:
            return positions
        return np.asarray(positions[:, 0] * self.shape[1] + positions[:, 1])

    def on_bundle_constraints(self) -> Iterable[str]:
        """Check that the agents speak the task's language."""
        game = self.game
        if game.user is None:
            yield "Pointing needs a user."
        elif "goal" not in game.user.state:
            yield "The user of a pointing task needs a 'goal' in its state."
        elif (space := game.user.policy.element.space) != self.user_element().space:
            yield f"The user's actions are {space}, but this task needs {self.user_element().space}."
        if game.assistant is None:
            if self.mode == "position":
                yield "In mode 'position' only an assistant moves the cursor, and there is none."
            return
        element = game.assistant.policy.element
        low, high = bounds(element.space)
        if self.mode == "position" and not (
            contains(self.cell_element().space, low) and contains(self.cell_element().space, high)
        ):
            yield f"The assistant's actions are {element.space}, but in mode 'position' they are cells of the grid {self.shape}."
        if self.mode == "gain" and low.shape != ():
            yield f"The assistant's actions have the shape {low.shape}, but in mode 'gain' they are one number."

    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        """Draw the targets and a free cell to start from."""
        cells, start = draw_cells(self.stream, self.num_targets, self.num_cells)
        self.state["targets"] = self.positions[cells]
        self.state["position"] = self.positions[start]

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        game = self.game
        stays = user_action == 0
        position = self.state["position"]
        goal: Value = game.user.state["goal"] if game.user is not None else position
        at_goal = position == goal if self.dimension == 1 else np.array_equal(position, goal)
        if game.assistant is None:
            self._shift(user_action, 1)
        return self.state, -1.0, bool(stays and at_goal)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        if self.mode == "position":
            self.state["position"] = assistant_action
        else:
            self._shift(self.user_action, int(assistant_action))
        return self.state, 0.0, False

    def _shift(self, action: Value, gain: int) -> None:
        step = int(action) if self.dimension == 1 else self.moves[int(action)]
        self.state["position"] = self.state["position"] + step * gain

    def render(self, mode: str = "text", **axes: Any) -> str:
        """Return the grid as text: `o` the cursor, `x` a target, `*` the cursor on a target."""
        del mode, axes
        targets = {self.cell_of(target) for target in self.state["targets"]}
        cursor = self.cell_of(self.state["position"])

        def mark(cell: int) -> str:
            if cell == cursor:
                return "*" if cell in targets else "o"
            return "x" if cell in targets else "."

        marks = [mark(cell) for cell in range(self.num_cells)]
        # The cells of a column lie behind each other.
        height = self.shape[1] if self.dimension == 2 else 1
        return "\n".join("".join(marks[row::height]) for row in range(height))


def draw_cells(stream: Stream, count: int, total: int) -> tuple[list[int], int]:
    """Return `count` different cells in ascending order and one more that is none of them, all equally likely.

    The i-th draw is a rank among the cells that are left; ranks need no list of cells, so a batch draws the same way.
    """
    chosen: list[int] = []
    rank = 0
    for i in range(count + 1):
        rank = stream.integer(total - i)
        for cell in chosen:
            rank += rank >= cell
        if i < count:
            chosen = sorted([*chosen, rank])
    return chosen, rank
