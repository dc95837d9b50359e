"""Habitual."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom_hci import User

if TYPE_CHECKING:
    from taskloom_hci import Agent, InteractionTask


class Habitual(User):
    """Habitual.

    It does what it did before with the probability `habit`, and else anything.
    """

    kind: Literal["habitual"] = "habitual"
    habit: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability of repeating the last action."""

    def build(self, task: "InteractionTask") -> "Agent":
        """Return the agent that plays a task as this user."""
        from taskloom_hci import Agent  # heavy: gymnasium

        from hci_habitual.policy import Habit  # heavy: gymnasium

        return Agent(self.role, policy=Habit(task.user_element(), self.habit))
