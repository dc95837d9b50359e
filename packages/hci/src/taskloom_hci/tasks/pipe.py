"""A game that another process keeps."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf, Unit

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.assistants.random import RandomAssistant
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import HciTask
from taskloom_hci.users.base import User
from taskloom_hci.users.random import RandomUser

if TYPE_CHECKING:
    from taskloom_hci.games.pipe import PipeTask as Game


class PipeConfig(HciConfig):
    """A number game in a process of its own; by default the example that comes with the package."""

    game_class = "PipeTask"
    user: Annotated[User, OneOf("taskloom_hci.users")] = RandomUser()
    """Who acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = RandomAssistant()
    """Who helps; none leaves the user alone."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 50
    """Episodes that are played."""
    command: str = ""
    """The program and its arguments; it keeps a number `x` and speaks the protocol of the documentation."""
    low: int = -1
    """Lowest number."""
    high: int = 4
    """Highest number."""
    timeout: Annotated[float, Field(gt=0), Unit("s")] = 10.0
    """How long an answer may take."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Rounds after which an episode is cut off."""


class Pipe(HciTask[PipeConfig]):
    """A number that another process keeps and both agents add to."""

    def __init__(self, config: PipeConfig) -> None:
        super().__init__(config)

    def game(self) -> Game:
        """Return this side of the pipe."""
        # NumPy and gymnasium are for running, not for `--help`.
        from taskloom_hci.games.pipe import EXAMPLE, PipeTask
        from taskloom_hci.state.elements import discrete_array_element

        config = self.config
        step = discrete_array_element(low=-1, high=1, init=0, out_of_bounds_mode="error")
        return PipeTask(
            shlex.split(config.command) or EXAMPLE,
            {
                "x": discrete_array_element(
                    low=config.low, high=config.high, init=0, out_of_bounds_mode="error"
                )
            },
            user=step,
            assistant=step,
            timeout=config.timeout,
            max_rounds=config.max_rounds,
        )
