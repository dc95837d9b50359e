"""Count."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from taskloom_hci import HciConfig, InteractionTask, State, discrete_array_element


class CountConfig(HciConfig):
    """Parameters of the game; users and assistants are chosen beside them."""

    goal: Annotated[int, Field(ge=1, le=1000)] = 4
    """The number at which the game ends."""


class Count(InteractionTask):
    """A number in [0, goal] that starts at 0: either action is added to it, and at the goal the game ends.

    Every half of a round costs 1, so the fewer rounds the better.
    """

    max_rounds = 1000

    def __init__(self, config: CountConfig) -> None:
        super().__init__()
        self.config = config
        self.state["x"] = discrete_array_element(
            low=0, high=config.goal, init=0, out_of_bounds_mode="clip"
        )

    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        """Begin an episode; random numbers would come from `self.stream`."""
        self.state["x"] = 0

    def on_user_action(self, *, user_action: Any) -> tuple[State, float, bool]:
        """Apply the user's action, the first half of a round."""
        return self._add(user_action)

    def on_assistant_action(self, *, assistant_action: Any) -> tuple[State, float, bool]:
        """Apply the assistant's action, the second half."""
        return self._add(assistant_action)

    def _add(self, action: Any) -> tuple[State, float, bool]:
        """Return the state, the reward of this half, and whether the game has ended."""
        self.state["x"] = x = int(self.state["x"]) + int(action)
        return self.state, -1.0, x >= self.config.goal
