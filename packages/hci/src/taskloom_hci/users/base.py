"""The base of every user."""

from __future__ import annotations

from typing import ClassVar, Literal

from taskloom_hci.bundle.component import AgentComponent


class User(AgentComponent):
    """Base of every user: parameters, and `build(task)`, which returns the agent who plays it.

    Attributes:
        fitted_by: `"package.module:Class"` of the user model by which it acts, if data can tell that model's parameters:
            they are fields of the user. Empty: it cannot be fitted.
    """

    fitted_by: ClassVar[str] = ""
    role: ClassVar[Literal["user", "assistant"]] = "user"
