"""The assistant that jumps to the likeliest target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from taskloom_hci.assistants.base import CursorAssistant

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Map(CursorAssistant):
    """Maximum a posteriori: a jump to the likeliest target."""

    kind: Literal["map"] = "map"

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.jump import (  # gymnasium is heavy
            JumpAssistant,
            assumed_model,
            usual_model,
        )
        from taskloom_hci.games.pointing import Pointing

        game = self.require(task, Pointing)
        model = assumed_model(game, self.assumed_error_rate)
        return JumpAssistant(
            game,
            "map",
            model=model,
            on_zero=self.on_zero,
            lapse=self.assumed_lapse,
            otherwise=usual_model(game),
        )
