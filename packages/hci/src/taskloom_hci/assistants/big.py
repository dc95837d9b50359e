"""The assistant that asks the most telling question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Unit
from typing_extensions import override

from taskloom_hci.assistants.base import JumpingAssistant

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Big(JumpingAssistant):
    """Bayesian information gain: a jump to the most telling cell.

    The user's next move from there tells most about the goal (Liu et al., BIGnav, CHI 2017).
    """

    kind: Literal["big"] = "big"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Above this belief it jumps to the likeliest target."""
    cost: Annotated[float, Field(ge=0), Unit("bit/cell")] = 0.0
    """Cost of a jump for every cell it is long."""
    tie: Literal["nearest", "highest"] = "nearest"
    """Choice among equally telling cells; CoopIHC takes the highest."""
    gain_about: Literal["goal", "both"] = "goal"
    """With a fit, whether a question is worth what it tells of the goal, or of goal and person."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.jump import jumper  # gymnasium is heavy

        return jumper(
            self,
            task,
            "information",
            threshold=self.threshold,
            cost=self.cost,
            tie=self.tie,
            about=self.gain_about,
        )
