"""Finding a target with the eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import OneOf
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.config import HciConfig
from taskloom_hci.users.base import User
from taskloom_hci.users.gaze import GazeUser

if TYPE_CHECKING:
    from taskloom_hci.games.gaze import Gaze


class GazeConfig(HciConfig):
    """A target on a screen, and eyes that start in its middle."""

    game_class = "Gaze"
    user: Annotated[User, OneOf("taskloom_hci.users")] = GazeUser()
    """The user, which looks."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = None
    """An assistant; there is none here."""
    width: Annotated[float, Field(gt=0, le=1)] = 0.04
    """Width of the target, where the screen is 2 wide."""
    distance: Annotated[float, Field(gt=0, le=2)] = 0.8
    """Diameter of the circle, or length of the line, that targets are on."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.04
    """Distance from the target's edge that counts as found."""
    dimension: Literal[1, 2] = 2
    """A line or a plane."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Fixations after which an episode is cut off."""


def gaze(config: GazeConfig) -> Gaze:
    """A target to find with eyes that see best where they look."""
    from taskloom_hci.games.gaze import Gaze  # gymnasium is heavy

    return Gaze(
        config.width, config.distance, config.threshold, config.dimension, config.max_rounds
    )


__getattr__ = moved_names(__name__)
