"""Teaching items for an exam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf, Unit
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.assistants.leitner import Leitner
from taskloom_hci.config import HciConfig
from taskloom_hci.users.base import User
from taskloom_hci.users.memory import Memory

if TYPE_CHECKING:
    from taskloom_hci.games.teaching import Teaching


class TeachingConfig(HciConfig):
    """A user who forgets, and a teacher that chooses what is practised."""

    game_class = "Teaching"
    user: Annotated[User, OneOf("taskloom_hci.users")] = Memory()
    """The user, which learns."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = Leitner()
    """The assistant, which teaches."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 50
    """Episodes that are played."""
    items: Annotated[int, Field(ge=1, le=1000)] = 20
    """Items to learn."""
    sessions: Annotated[int, Field(ge=1, le=100)] = 2
    """Sessions of practice."""
    trials: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Trials in a session."""
    inter_trial: Annotated[float, Field(gt=0), Unit("s")] = 3.0
    """Time from one trial to the next."""
    pause: Annotated[float, Field(ge=0), Unit("s")] = 30.0
    """Additional time between sessions."""
    exam: Annotated[float, Field(ge=0), Unit("s")] = 60.0
    """Time from the last trial to the exam."""


def teaching(config: TeachingConfig) -> Teaching:
    """Items to practise for an exam."""
    from taskloom_hci.games.teaching import Teaching  # gymnasium is heavy

    return Teaching(
        config.items,
        (config.trials,) * config.sessions,
        config.inter_trial,
        config.pause,
        config.exam,
    )


__getattr__ = moved_names(__name__)
