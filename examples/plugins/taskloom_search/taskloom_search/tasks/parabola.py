"""A parabola."""

from typing import Annotated

from pydantic import Field

from taskloom_search.config import SearchConfig


class ParabolaConfig(SearchConfig):
    """Place of its lowest point."""

    lowest: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Place of the lowest point."""


class Parabola:
    """f(x) = (x - lowest)^2."""

    def __init__(self, config: ParabolaConfig) -> None:
        self.config = config

    def value(self, x: float) -> float:
        """Return f(x)."""
        return (x - self.config.lowest) ** 2
