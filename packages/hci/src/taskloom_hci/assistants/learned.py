"""The assistant that acts as a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import TypeAdapter
from taskloom import InputPath, OneOf
from typing_extensions import override

from taskloom_hci.assistants.base import Assistant, CursorMode
from taskloom_hci.users.learned import embodied, learned, policy_of

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class LearnedAssistant(Assistant):
    """A network of Stable-Baselines3, read without pickle."""

    kind: Literal["learned"] = "learned"
    file: InputPath = Path("policy.zip")
    """The file that `taskloom_hci.exports.learned.save_policy` wrote."""
    deterministic: bool = True
    """Take the best action instead of drawing one."""
    cursor: Literal["gain", "position"] = "position"
    """In a pointing task, whether its action is where the cursor goes or a factor of the user's move."""

    @override
    def cursor_mode(self) -> CursorMode:
        return self.cursor

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.jump import JumpAssistant  # gymnasium is heavy
        from taskloom_hci.bundle.agent import Agent
        from taskloom_hci.games.pointing import Pointing

        element = task.assistant_element()
        found = learned(self.file, self.role)
        policy = policy_of(found, element, deterministic=self.deterministic)
        body = embodied(ASSISTANTS, found, task, policy)
        if body is not None:
            return body
        # Where it jumps, it keeps the belief over targets that the network may have been trained to see.
        if isinstance(task, Pointing) and task.mode == "position":
            return JumpAssistant(task, "map", on_zero="uniform", policy=policy)
        return Agent(self.role, policy=policy)


ASSISTANTS: TypeAdapter[Any] = TypeAdapter(Annotated[Assistant, OneOf("taskloom_hci.assistants")])
