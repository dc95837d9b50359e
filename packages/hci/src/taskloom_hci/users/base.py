"""The base of every user."""

from __future__ import annotations

from typing import ClassVar, Literal

from taskloom_hci.bundle.component import AgentComponent


class User(AgentComponent):
    """Base of every user: parameters, and `build(task)`, which returns the agent who plays it."""

    role: ClassVar[Literal["user", "assistant"]] = "user"
