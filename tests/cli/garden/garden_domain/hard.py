"""Configs that are harder than most: required fields, later classes, plain unions, validators that misbehave."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Optional

from pydantic import Field, field_validator
from taskloom import Component, Config, OneOf, Result, RunContext, Unit

from garden_domain.feeders import Drip, Feeder, Flood


class HardConfig(Config):
    """Harder than most."""

    must: Annotated[int, Field(ge=0)]
    """Has no default."""
    which: Annotated[Feeder, OneOf("garden_domain.feeders")]
    """A component without a default."""
    plain: Drip | Flood = Flood()
    """A union without a discriminator."""
    later: Optional[Later] = None  # noqa: UP045 -- written as people write it
    """A part whose class comes later."""
    number_or_choice: Literal["auto"] | Annotated[float, Field(gt=0)] = "auto"
    """A choice or a number."""
    pause: timedelta = timedelta(seconds=1)
    """A time, not a \u00b5s more."""
    share: Annotated[float, Field(ge=0, le=1, multiple_of=0.25), Unit("%")] | None = None
    """Bounds inside an optional."""
    burst: int = 0
    """Its validator raises what no validator should."""
    made: list[int] = Field(default_factory=lambda: [7])
    """Made by a factory."""

    @field_validator("burst")
    @classmethod
    def _misbehave(cls, value: int) -> int:
        return 0 if value == 0 else 1 // 0


class Later(Component):
    """Comes after the class that names it."""

    depth: int = 1
    """How deep."""


def hard(config: HardConfig) -> _Hard:
    """Be harder than most."""
    return _Hard(config)


class _Hard:
    def __init__(self, config: HardConfig) -> None:
        self.config = config

    def describe(self) -> dict[str, int]:
        return {"depth": 3}

    def run(self, ctx: RunContext, /) -> Result:
        return Result()
