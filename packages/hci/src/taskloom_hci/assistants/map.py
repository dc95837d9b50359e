"""The assistant that jumps to the likeliest target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from taskloom_hci.assistants.base import JumpingAssistant

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Map(JumpingAssistant):
    """Maximum a posteriori: a jump to the likeliest target."""

    kind: Literal["map"] = "map"

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.jump import jumper  # gymnasium is heavy

        return jumper(self, task, "map")
