"""The teacher that looks ahead to the exam."""

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


class Conservative(Assistant):
    """No more items than can be mastered by the exam.

    The myopic teacher is simulated with fewer and fewer items until it brings all of them to mastery.
    """

    plays = TEACHING
    kind: Literal["conservative"] = "conservative"
    forgetting: Annotated[float, Field(gt=0), Unit("1/s")] = 0.01
    """Rate of forgetting that it believes the user to have."""
    repetition: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Effect of a further presentation that it believes in."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.games.teaching import Teaching  # gymnasium is heavy
        from taskloom_hci.policies.myopic import myopic_teacher

        game = self.require(task, Teaching)
        return myopic_teacher(game, "conservative", self.forgetting, self.repetition)
