"""The user of the coordinated task, with a hidden rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.bundle.component import COORDINATED
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.models.polynomial import PolynomialModel
    from taskloom_hci.task import InteractionTask, Role


class Polynomial(User):
    """A choice by a hidden polynomial of the state.

    It is pseudo-random, and predictable once the coefficients are known.
    """

    plays = COORDINATED
    kind: Literal["polynomial"] = "polynomial"
    p0: Annotated[int, Field(ge=0, le=9)] = 1
    """Coefficient of x."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """Coefficient of x squared."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """Coefficient of x cubed."""
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of an action drawn from all alike, whatever the rule."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.games.simple import Coordinated  # gymnasium is heavy
        from taskloom_hci.models.polynomial import PolynomialModel

        game = self.require(task, Coordinated)
        model = PolynomialModel((self.p0, self.p1, self.p2)).lapsing(self.lapse)
        return polynomial_agent(self.role, game, model)


def polynomial_agent(role: Role, task: InteractionTask, model: PolynomialModel) -> Agent:
    """Return an agent who acts by a polynomial whose coefficients are its state."""
    from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
    from taskloom_hci.models.polynomial import SIZE
    from taskloom_hci.policies.likelihood import ModelPolicy
    from taskloom_hci.state.elements import discrete_array_element
    from taskloom_hci.state.state import State

    state = State(
        {
            name: discrete_array_element(SIZE, init=value)
            for name, value in zip(model.hidden, model.coefficients, strict=True)
        }
    )
    return Agent(role, policy=ModelPolicy(model, task.user_element()), state=state)
