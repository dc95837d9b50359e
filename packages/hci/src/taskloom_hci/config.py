"""The config that every task of this domain shares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom import Config, ExecutionOnly, OneOf

from taskloom_hci.assistants.config import AssistantConfig, ConstantGainConfig
from taskloom_hci.users.config import CarefulConfig, UserConfig


class HciConfig(Config):
    """Who plays, how often, and what is kept."""

    user: Annotated[UserConfig, OneOf("taskloom_hci.users")] = CarefulConfig()
    """Who acts first in every round."""
    assistant: Annotated[AssistantConfig, OneOf("taskloom_hci.assistants")] | None = (
        ConstantGainConfig()
    )
    """Who helps; none leaves the user alone."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """Episodes that are played."""
    backend: Annotated[Literal["auto", "loop", "numpy", "numba"], ExecutionOnly()] = "auto"
    """How episodes are played: one by one, or all at once; the trajectories are the same."""
    chunk: Annotated[int, Field(ge=1), ExecutionOnly()] = 16_384
    """Episodes between two looks at the wish to stop."""
    jsonl: Annotated[bool, ExecutionOnly()] = False
    """Write the rounds as JSON Lines as well."""
    shown: Annotated[int, Field(ge=1, le=20)] = 3
    """Episodes that the report draws turn by turn."""
