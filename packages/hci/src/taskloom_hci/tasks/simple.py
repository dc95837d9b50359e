"""The two small games that explain the four turns, as tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from taskloom import OneOf

from taskloom_hci.assistants.config import AssistantConfig, RandomAssistantConfig
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import HciTask
from taskloom_hci.users.config import PolynomialConfig, RandomUserConfig, UserConfig

if TYPE_CHECKING:
    from taskloom_hci.games.simple import Coordinated as CoordinatedGame, Example as ExampleGame


class ExampleConfig(HciConfig):
    """The number game of the first chapter."""

    user: Annotated[UserConfig, OneOf("taskloom_hci.users")] = RandomUserConfig()
    """Who acts first in every round."""
    assistant: Annotated[AssistantConfig, OneOf("taskloom_hci.assistants")] | None = (
        RandomAssistantConfig()
    )
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

    user: Annotated[UserConfig, OneOf("taskloom_hci.users")] = PolynomialConfig()
    """Who acts first in every round."""
    assistant: Annotated[AssistantConfig, OneOf("taskloom_hci.assistants")] | None = (
        RandomAssistantConfig()
    )
    """Who helps; none leaves the user alone."""


class Coordinated(HciTask[CoordinatedConfig]):
    """A number that grows when both agents choose the same, until it is 9."""

    def __init__(self, config: CoordinatedConfig) -> None:
        super().__init__(config)

    def game(self) -> CoordinatedGame:
        """Return the number."""
        from taskloom_hci.games.simple import Coordinated as CoordinatedGame

        return CoordinatedGame()
