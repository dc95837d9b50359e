# ruff: noqa: RUF012 -- pydantic copies defaults
"""Configs of the garden domain."""

from enum import Enum
from typing import Annotated, Literal

from pydantic import Field
from taskloom import Component, Config, ExecutionOnly, OneOf, Unit

from garden_domain.feeders import Drip, Feeder, Flood


class Soil(Enum):
    """What a plant stands in."""

    SAND = "sand"
    CLAY = "clay"


class Pot(Component):
    """What holds the plant."""

    diameter: Annotated[float, Field(gt=0), Unit("m")] = 0.2
    """Inner diameter [at the rim]."""
    soil: Soil = Soil.SAND
    """What is in it."""


class GrowConfig(Config):
    """Grow one plant."""

    days: Annotated[int, Field(ge=1, le=1000)] = 3
    """Days to grow for."""
    name: str = "basil"
    """What to call the plant."""
    shade: bool = False
    """Keep it out of the sun."""
    light: Literal["sun", "lamp"] = "sun"
    """Where the light comes from."""
    limit: Annotated[float, Field(gt=0)] | None = None
    """Height at which it is cut."""
    doses: list[float] = [1.0, 2.0]
    """Doses of fertiliser."""
    workers: Annotated[int, Field(ge=1), ExecutionOnly()] = 1
    """Threads."""
    pot: Pot = Pot()
    """The pot."""
    feeder: Annotated[Feeder, OneOf("garden_domain.feeders")] = Drip(nozzles=6)
    """What feeds the plant."""
    spare: Annotated[Feeder, OneOf("garden_domain.feeders")] | None = None
    """What feeds it when the feeder fails."""
    saucer: Pot | None = None
    """What stands below."""


class FloodedConfig(GrowConfig):
    """Grow in water: a default of its own."""

    feeder: Annotated[Feeder, OneOf("garden_domain.feeders")] = Flood(depth=0.3)
    """What feeds the plant."""
