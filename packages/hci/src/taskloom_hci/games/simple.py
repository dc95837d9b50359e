"""The two small games that explain the four turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from taskloom_hci.state.elements import Element, Value, discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask


class Example(InteractionTask):
    """A number in [-1, 4] that starts at 0; either action is added to it, and at 4 the game ends. Every half costs 1."""

    def __init__(self) -> None:
        super().__init__()
        self.state["x"] = discrete_array_element(low=-1, high=4, init=0, out_of_bounds_mode="clip")

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        self.state["x"] = 0

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        return self._add(user_action)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        return self._add(assistant_action)

    def _add(self, action: Value) -> tuple[State, float, bool]:
        state = self.state
        state["x"] = x = int(state["x"]) + int(action)
        return state, -1.0, x >= 4


class Coordinated(InteractionTask):
    """A number that grows by one whenever both agents choose the same; at 9 the game ends. Every half costs 1.

    The end is noticed on the user's half. After 100 rounds the game is cut off.
    """

    max_rounds = 100

    def __init__(self) -> None:
        super().__init__()
        self.state["x"] = discrete_array_element(10, init=0, out_of_bounds_mode="clip")

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        self.state["x"] = 0

    def user_element(self) -> Element:
        """Return the ten choices."""
        return discrete_array_element(10, out_of_bounds_mode="error")

    def assistant_element(self) -> Element:
        """Return the same ten choices."""
        return self.user_element()

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        del user_action
        return self.state, -1.0, bool(self.state["x"] == 9)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        if self.user_action == assistant_action:
            self.state["x"] += 1
        return self.state, -1.0, False
