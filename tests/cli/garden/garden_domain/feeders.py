"""Components of the garden domain."""

from typing import Annotated, Literal

from pydantic import Field
from taskloom import Component, OneOf, Unit


class Feeder(Component):
    """What feeds a plant."""


class Drip(Feeder):
    """Feed a little at a time."""

    kind: Literal["drip"] = "drip"
    rate: Annotated[float, Field(gt=0, le=1), Unit("l/h")] = 0.01
    """Water given per hour."""
    nozzles: Annotated[int, Field(ge=1)] = 4
    """Openings."""


class Flood(Feeder):
    """Feed all at once."""

    kind: Literal["flood"] = "flood"
    depth: Annotated[float, Field(ge=0), Unit("m")] = 0.1
    """Depth of the water."""
    drained: bool = True
    """Let the water out again."""


class Mixed(Feeder):
    """Feed through another feeder."""

    kind: Literal["mixed"] = "mixed"
    inner: Annotated[Feeder, OneOf("garden_domain.feeders")] = Drip()
    """The feeder inside."""
