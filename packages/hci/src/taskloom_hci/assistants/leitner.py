"""The teacher with Leitner's boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Unit
from typing_extensions import override

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.bundle.component import TEACHING

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Leitner(Assistant):
    """Leitner's boxes: an item that was known comes back later.

    One that was not comes back sooner.
    """

    plays = TEACHING
    kind: Literal["leitner"] = "leitner"
    shortest: Annotated[float, Field(gt=0), Unit("s")] = 4.0
    """Time until an item of the first box is due; every further box doubles it."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
        from taskloom_hci.games.teaching import Teaching
        from taskloom_hci.policies import leitner

        game = self.require(task, Teaching)
        return Agent(
            self.role,
            policy=leitner.LeitnerPolicy(game),
            state=leitner.empty_boxes(game.num_items),
            inference=leitner.LeitnerBoxes(self.shortest),
        )
