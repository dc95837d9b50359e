"""Pointing at one of several targets on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf, Unit
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant, mode_of
from taskloom_hci.assistants.big import Big
from taskloom_hci.config import HciConfig
from taskloom_hci.users.base import User
from taskloom_hci.users.careful import Careful

if TYPE_CHECKING:
    from taskloom_hci.games.pointing import Pointing


class PointingConfig(HciConfig):
    """A line of cells, some of which are targets."""

    game_class = "Pointing"
    user: Annotated[User, OneOf("taskloom_hci.users")] = Careful()
    """The user, which acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = Big()
    """The assistant; `none` leaves the user alone."""
    cells: Annotated[int, Field(ge=2, le=4000), Unit("cell")] = 31
    """Length of the line."""
    targets: Annotated[int, Field(ge=1, le=1000)] = 8
    """Cells that may be the goal."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Rounds after which an episode is cut off."""


def pointing(config: PointingConfig) -> Pointing:
    """A cursor on a line and a goal only the user knows."""
    return _game(config, (config.cells,))


class Pointing2DConfig(HciConfig):
    """A grid of cells, some of which are targets."""

    game_class = "Pointing"
    user: Annotated[User, OneOf("taskloom_hci.users")] = Careful()
    """The user, which acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = Big()
    """The assistant; `none` leaves the user alone."""
    width: Annotated[int, Field(ge=2, le=100), Unit("cell")] = 12
    """Columns of cells."""
    height: Annotated[int, Field(ge=2, le=100), Unit("cell")] = 12
    """Rows of cells."""
    targets: Annotated[int, Field(ge=1, le=1000)] = 8
    """Cells that may be the goal."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Rounds after which an episode is cut off."""


def pointing_2d(config: Pointing2DConfig) -> Pointing:
    """A cursor on a grid and a goal only the user knows."""
    return _game(config, (config.width, config.height))


def _game(config: PointingConfig | Pointing2DConfig, shape: tuple[int, ...]) -> Pointing:
    from taskloom_hci.games.pointing import Pointing  # gymnasium is heavy

    return Pointing(shape, config.targets, mode_of(config.assistant), config.max_rounds)


__getattr__ = moved_names(__name__)
