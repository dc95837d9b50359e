"""The assistant that makes the cursor faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.bundle.component import POINTING

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class ConstantGain(Assistant):
    """A constant gain: every move of the user times a number."""

    plays = POINTING
    kind: Literal["gain"] = "gain"
    gain: Annotated[int, Field(ge=1, le=1000)] = 1
    """Cells that the cursor moves for each cell the user asks for."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
        from taskloom_hci.policies.policy import ConstantPolicy
        from taskloom_hci.state.elements import discrete_array_element

        self.require_pointing(task)
        element = discrete_array_element(
            low=self.gain, high=self.gain, init=self.gain, out_of_bounds_mode="error"
        )
        return Agent(self.role, policy=ConstantPolicy(element))
