"""The user who chooses between a sum now and a larger one later."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom_hci import BundleConstraintError, User

if TYPE_CHECKING:
    from taskloom_hci import Agent, InteractionTask


class Discounting(User):
    """Hyperbolic discounting: a sum is worth `A / (1 + k D)` after a delay D.

    It is fitted to tables of choices; there is no game that it plays.
    """

    fitted_by = "hci_discounting.model:DiscountingModel"
    kind: Literal["discounting"] = "discounting"
    rate: Annotated[float, Field(gt=0)] = 0.02
    """Discount rate k, for a unit of the delay."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Weight of a difference of values in the choice."""

    def build(self, task: "InteractionTask") -> "Agent":
        """Refuse: it plays no game."""
        raise BundleConstraintError(
            ["The user 'discounting' plays no game: it is fitted to tables of choices."]
        )
