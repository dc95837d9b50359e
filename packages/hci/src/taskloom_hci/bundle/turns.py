"""The four turns of a round, and the outcome of a step."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from taskloom_hci.errors import UnknownKeyError
from taskloom_hci.state.state import StateTree


class Turn(IntEnum):
    """The turn that comes next; the names in `NAMES` are those of what has happened already."""

    USER_OBSERVE = 0
    USER_ACT = 1
    ASSISTANT_OBSERVE = 2
    ASSISTANT_ACT = 3


NAMES = (
    "after_assistant_action",
    "before_user_action",
    "after_user_action",
    "before_assistant_action",
)

REWARD_NAMES: tuple[str, ...] = (
    "user_observation_reward",
    "user_inference_reward",
    "user_policy_reward",
    "first_task_reward",
    "assistant_observation_reward",
    "assistant_inference_reward",
    "assistant_policy_reward",
    "second_task_reward",
)


def parse_turn(turn: int | str) -> Turn:
    """Return the turn with this index or this name.

    Raises:
        UnknownKeyError: If there is none.
    """
    if isinstance(turn, str) and turn in NAMES:
        return Turn(NAMES.index(turn))
    if not isinstance(turn, str) and turn in (0, 1, 2, 3):
        return Turn(turn)
    raise UnknownKeyError(
        f"There is no turn {turn!r}: a turn is 0, 1, 2, 3 or one of {', '.join(NAMES)}."
    )


class _Triple(NamedTuple):
    state: StateTree
    rewards: dict[str, float]
    is_done: bool


class StepResult(_Triple):
    """Outcome of a step; unpacks as `(state, rewards, is_done)`.

    Attributes:
        state: A snapshot of the game with its six parts.
        rewards: The eight rewards by name (`REWARD_NAMES`), zero for what was not played.
        is_done: Whether the task ended the game.
        truncated: Whether the time limit ended it.
    """

    truncated: bool

    def __new__(
        cls, state: StateTree, rewards: dict[str, float], is_done: bool, truncated: bool = False
    ) -> StepResult:
        """Make the triple and remember whether time ran out."""
        self = super().__new__(cls, state, rewards, is_done)
        self.truncated = truncated
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.state, self.rewards, self.is_done, self.truncated)

    @property
    def reward(self) -> float:
        """The sum of the eight rewards."""
        return sum(self.rewards.values())
