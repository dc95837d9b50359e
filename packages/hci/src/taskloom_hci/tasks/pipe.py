"""A game that another process keeps."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import Command, OneOf, Unit
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.config import HciConfig

if TYPE_CHECKING:
    from taskloom_hci.games.pipe import PipeTask


class PipeConfig(HciConfig):
    """A number game in a process of its own; by default the example that comes with the package."""

    game_class = "PipeTask"
    kept_outside = True
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = None
    """An assistant; one that adds at random helps as little as none."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 50
    """Episodes that are played."""
    command: Command = ""
    """The program and its arguments; it keeps a number `x` and speaks the protocol of the documentation."""
    low: int = -1
    """Lowest number."""
    high: int = 4
    """Highest number."""
    timeout: Annotated[float, Field(gt=0), Unit("s")] = 10.0
    """Time that an answer may take."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Rounds after which an episode is cut off."""


def pipe(config: PipeConfig) -> PipeTask:
    """A game that another process keeps."""
    from taskloom_hci.games.pipe import EXAMPLE, PipeTask  # gymnasium is heavy
    from taskloom_hci.state.elements import discrete_array_element

    step = discrete_array_element(low=-1, high=1, init=0, out_of_bounds_mode="error")
    x = discrete_array_element(low=config.low, high=config.high, init=0, out_of_bounds_mode="error")
    return PipeTask(
        shlex.split(config.command) or EXAMPLE,
        {"x": x},
        user=step,
        assistant=step,
        timeout=config.timeout,
        max_rounds=config.max_rounds,
    )


__getattr__ = moved_names(__name__)
