"""The policy of Habitual: what it does, given what it sees."""

from collections.abc import Mapping
from typing import Any

from taskloom_hci import Element, Policy


class Habit(Policy):
    """Repeats its last action, or draws a new one.

    Args:
        element: What an action may be.
        habit: Probability of repeating.
    """

    def __init__(self, element: Element, habit: float) -> None:
        self.element = element
        self._habit = habit
        self._last: Any = None

    def reset(self) -> None:
        """Forget the last episode."""
        self._last = None

    def act(
        self, observation: Mapping[str, Any], state: Mapping[str, Any], stream: Any
    ) -> tuple[Any, float]:
        """Return an action and its own cost; every random number comes from `stream`."""
        del observation, state
        if self._last is None or stream.uniform() >= self._habit:
            self._last = self.element.draw(stream)
        return self._last, 0.0
