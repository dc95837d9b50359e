"""Pointing at one of several targets on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import Unit

from taskloom_hci.assistants.base import mode_of
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import HciTask

if TYPE_CHECKING:
    from taskloom_hci.games.pointing import Pointing as Game


class PointingConfig(HciConfig):
    """A line of cells, some of which are targets."""

    game_class = "Pointing"
    cells: Annotated[int, Field(ge=2, le=4000), Unit("cell")] = 31
    """Length of the line."""
    targets: Annotated[int, Field(ge=1, le=1000)] = 8
    """Cells that may be the goal."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Rounds after which an episode is cut off."""


class Pointing(HciTask[PointingConfig]):
    """Pointing in one dimension."""

    def __init__(self, config: PointingConfig) -> None:
        super().__init__(config)

    def game(self) -> Game:
        """Return the line of cells."""
        # NumPy and gymnasium are for running, not for `--help`.
        from taskloom_hci.games.pointing import Pointing as Game

        config = self.config
        return Game((config.cells,), config.targets, mode_of(config.assistant), config.max_rounds)


class Pointing2DConfig(HciConfig):
    """A grid of cells, some of which are targets."""

    game_class = "Pointing"
    width: Annotated[int, Field(ge=2, le=100), Unit("cell")] = 12
    """Cells along the first axis."""
    height: Annotated[int, Field(ge=2, le=100), Unit("cell")] = 12
    """Cells along the second axis."""
    targets: Annotated[int, Field(ge=1, le=1000)] = 8
    """Cells that may be the goal."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Rounds after which an episode is cut off."""


class Pointing2D(HciTask[Pointing2DConfig]):
    """Pointing in two dimensions."""

    def __init__(self, config: Pointing2DConfig) -> None:
        super().__init__(config)

    def game(self) -> Game:
        """Return the grid of cells."""
        from taskloom_hci.games.pointing import Pointing as Game

        config = self.config
        return Game(
            (config.width, config.height),
            config.targets,
            mode_of(config.assistant),
            config.max_rounds,
        )
