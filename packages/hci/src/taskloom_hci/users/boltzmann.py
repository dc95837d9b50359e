"""The Boltzmann-rational pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Unit
from typing_extensions import override

from taskloom_hci.bundle.component import POINTING
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Boltzmann(User):
    """Boltzmann-rational pointing: moves that end closer are likelier."""

    plays = POINTING
    fitted_by = "taskloom_hci.models.pointing:BoltzmannModel"
    kind: Literal["boltzmann"] = "boltzmann"
    rationality: Annotated[float, Field(ge=0), Unit("1/cell")] = 3.0
    """Inverse temperature of the choice; 0 is a random user."""
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of an action drawn from all alike, whatever the goal."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.models.pointing import BoltzmannModel  # gymnasium is heavy
        from taskloom_hci.users.pointing import modelled

        return modelled(
            self,
            task,
            lambda game: BoltzmannModel(self.rationality, game.dimension).lapsing(self.lapse),
        )
