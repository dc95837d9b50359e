"""The config that every task of this domain shares."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from taskloom import Config, ExecutionOnly, OneOf

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.assistants.random import RandomAssistant
from taskloom_hci.users.base import User
from taskloom_hci.users.random import RandomUser


class HciConfig(Config):
    """The two agents, the number of episodes, and what is kept.

    Attributes:
        game_class: Name of the class of its game, by which users and assistants know whether they play it.
        kept_outside: Whether another process or a person keeps the game: it is played once, and no baseline is.
    """

    game_class: ClassVar[str] = ""
    kept_outside: ClassVar[bool] = False
    user: Annotated[User, OneOf("taskloom_hci.users")] = RandomUser()
    """The user, which acts first in every round."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = RandomAssistant()
    """The assistant; `none` leaves the user alone."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """Episodes that are played."""
    backend: Annotated[Literal["auto", "loop", "numpy", "numba"], ExecutionOnly()] = "auto"
    """Way to play: one by one, or all at once; the trajectories are the same."""
    chunk: Annotated[int, Field(ge=1), ExecutionOnly()] = 16_384
    """Episodes between two looks at the wish to stop."""
    jsonl: Annotated[bool, ExecutionOnly()] = False
    """Write the rounds as JSON Lines as well."""
    record: Literal["auto", "all", "actions"] = "auto"
    """Parts of a game that are kept: actions, or all, with rewards, observations and beliefs; `sample` keeps all."""
    baseline: bool = True
    """Play the first 10,000 games again without the assistant, for the headline."""
    shown: Annotated[int, Field(ge=1, le=20)] = 3
    """Episodes that the report draws turn by turn."""

    @model_validator(mode="after")
    def _agents_fit(self) -> Self:
        agents = [agent for agent in (self.user, self.assistant) if agent is not None]
        misfits = [misfit for agent in agents if (misfit := agent.check(self))]
        if misfits:
            raise ValueError(" ".join(misfits))
        return self
