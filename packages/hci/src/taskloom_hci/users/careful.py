"""The careful pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.bundle.component import POINTING
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Careful(User):
    """Pointing towards the goal, with a small rate of errors."""

    plays = POINTING
    fitted_by = "taskloom_hci.models.pointing:CarefulModel"
    kind: Literal["careful"] = "careful"
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Probability of a move that does not shorten the way."""
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of an action drawn from all alike, whatever the goal."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.models.pointing import CarefulModel  # gymnasium is heavy
        from taskloom_hci.users.pointing import modelled

        return modelled(
            self,
            task,
            lambda game: CarefulModel(self.error_rate, game.dimension).lapsing(self.lapse),
        )
