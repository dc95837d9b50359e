"""The user who learns items and forgets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Unit
from typing_extensions import override

from taskloom_hci.bundle.component import TEACHING
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Memory(User):
    """Exponential forgetting, slower for an item seen more often."""

    plays = TEACHING
    fitted_by = "taskloom_hci.models.memory:MemoryModel"
    kind: Literal["memory"] = "memory"
    forgetting: Annotated[float, Field(gt=0), Unit("1/s")] = 0.01
    """Rate alpha at which an item seen once is forgotten."""
    repetition: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share beta by which every further presentation lowers the rate."""
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of an action drawn from all alike, whatever is remembered."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.learner import learner  # gymnasium is heavy

        return learner(self, task, self.forgetting, self.repetition, self.lapse)
