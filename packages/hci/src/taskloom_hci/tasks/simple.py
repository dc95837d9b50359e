"""The two small games that explain the four turns, as tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from taskloom import OneOf
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.assistants.predict import Predict
from taskloom_hci.config import HciConfig
from taskloom_hci.users.base import User
from taskloom_hci.users.polynomial import Polynomial

if TYPE_CHECKING:
    from taskloom_hci.games.simple import Coordinated, Example


class ExampleConfig(HciConfig):
    """The number game of the first chapter."""

    game_class = "Example"


def example(config: ExampleConfig) -> Example:
    """A number both agents add to until it is 4."""
    from taskloom_hci.games.simple import Example  # gymnasium is heavy

    del config  # the game has no parameters
    return Example()


class CoordinatedConfig(HciConfig):
    """A user with a hidden rule, and an assistant that has to choose what the user chooses."""

    game_class = "Coordinated"
    user: Annotated[User, OneOf("taskloom_hci.users")] = Polynomial()
    """The user, which acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = Predict()
    """The assistant; `none` leaves the user alone."""


def coordinated(config: CoordinatedConfig) -> Coordinated:
    """A number that grows when both agents choose the same."""
    from taskloom_hci.games.simple import Coordinated  # gymnasium is heavy

    del config  # the game has no parameters
    return Coordinated()


__getattr__ = moved_names(__name__)
