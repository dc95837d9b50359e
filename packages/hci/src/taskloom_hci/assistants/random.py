"""The assistant that does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from taskloom_hci.assistants.base import Assistant

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class RandomAssistant(Assistant):
    """Actions drawn at random from their space."""

    kind: Literal["random"] = "random"

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
        from taskloom_hci.policies.policy import RandomPolicy

        return Agent(self.role, policy=RandomPolicy(task.assistant_element()))
