"""The assistant that believes it knows the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.bundle.component import COORDINATED
from taskloom_hci.users.polynomial import polynomial_agent

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Predict(Assistant):
    """The choice that a user with these coefficients makes."""

    plays = COORDINATED
    kind: Literal["predict"] = "predict"
    p0: Annotated[int, Field(ge=0, le=9)] = 1
    """Coefficient of x that it believes the user to have; likewise `p1`, `p2`."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """Coefficient of x squared."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """Coefficient of x cubed."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.games.simple import Coordinated  # gymnasium is heavy
        from taskloom_hci.models.polynomial import PolynomialModel

        game = self.require(task, Coordinated)
        return polynomial_agent(self.role, game, PolynomialModel((self.p0, self.p1, self.p2)))
