"""How to choose a step."""

from typing import Annotated, Literal

from pydantic import Field
from taskloom import Component


class Fair(Component):
    kind: Literal["fair"] = "fair"

    def right(self) -> float:
        return 0.5


class Drift(Component):
    kind: Literal["drift"] = "drift"
    bias: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """How much likelier a step to the right is."""

    def right(self) -> float:
        return 0.5 + self.bias
