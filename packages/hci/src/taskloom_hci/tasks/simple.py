"""The two small games that explain the four turns, as tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from taskloom import OneOf

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.assistants.random import RandomAssistant
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import HciTask
from taskloom_hci.users.base import User
from taskloom_hci.users.polynomial import Polynomial
from taskloom_hci.users.random import RandomUser

if TYPE_CHECKING:
    from taskloom_hci.games.simple import Coordinated as CoordinatedGame, Example as ExampleGame


class ExampleConfig(HciConfig):
    """The number game of the first chapter."""

    game_class = "Example"
    user: Annotated[User, OneOf("taskloom_hci.users")] = RandomUser()
    """Who acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = RandomAssistant()
    """Who helps; none leaves the user alone."""


class Example(HciTask[ExampleConfig]):
    """A number that both agents add to until it is 4."""

    def __init__(self, config: ExampleConfig) -> None:
        super().__init__(config)

    def game(self) -> ExampleGame:
        """Return the number."""
        # NumPy and gymnasium are for running, not for `--help`.
        from taskloom_hci.games.simple import Example as ExampleGame

        return ExampleGame()


class CoordinatedConfig(HciConfig):
    """A user with a hidden rule, and an assistant that has to choose what the user chooses."""

    game_class = "Coordinated"
    user: Annotated[User, OneOf("taskloom_hci.users")] = Polynomial()
    """Who acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = RandomAssistant()
    """Who helps; none leaves the user alone."""


class Coordinated(HciTask[CoordinatedConfig]):
    """A number that grows when both agents choose the same, until it is 9."""

    def __init__(self, config: CoordinatedConfig) -> None:
        super().__init__(config)

    def game(self) -> CoordinatedGame:
        """Return the number."""
        from taskloom_hci.games.simple import Coordinated as CoordinatedGame

        return CoordinatedGame()
