# ruff: noqa: RUF012 -- pydantic copies defaults
"""A task with one parameter of every type."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from taskloom import Config, OneOf, Result, RunContext

from garden_domain.feeders import Drip, Feeder, Flood


class ZooConfig(Config):
    """One parameter of every type."""

    whole: int = 1
    """A whole number."""
    real: float = 0.5
    """A real number."""
    word: Annotated[str, Field(min_length=1, max_length=20)] = "owl"
    """A word."""
    code: Annotated[str, Field(pattern=r"^[a-z]+$")] = "abc"
    """Small letters."""
    flag: bool = False
    """A switch."""
    pick: Literal["ape", "bear", "none"] | None = "ape"
    """One of a few."""
    maybe_word: str | None = "fox"
    """A word, or nothing."""
    maybe_whole: int | None = None
    """A number, or nothing."""
    either: int | str = "auto"
    """A number or a word."""
    place: Path = Path("den")
    """A path."""
    pair: tuple[int, float] = (1, 2.5)
    """Two numbers."""
    many: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [1, 2]
    """Some numbers."""
    words: list[str] = []
    """Some words."""
    maybes: list[float | None] = [None, 1.0]
    """Numbers, some of them missing."""
    table: dict[str, float] = {"a": 1.0}
    """Numbers by name."""
    even: int = 2
    """An even number."""
    closed: Annotated[Drip | Flood, Field(discriminator="kind")] = Drip()
    """One of two, closed."""
    herd: list[Annotated[Feeder, OneOf("garden_domain.feeders")]] = [Drip()]
    """Several components."""

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    @model_validator(mode="after")
    def _fits(self) -> "ZooConfig":
        if self.whole > 100 and self.flag:
            raise ValueError("whole may not exceed 100 when flag is set")
        return self


def Zoo(config: ZooConfig) -> "_Zoo":  # noqa: N802 -- stands for a class
    """Hold one parameter of every type."""
    return _Zoo(config)


class _Zoo:
    def __init__(self, config: ZooConfig) -> None:
        self.config = config

    def run(self, ctx: RunContext, /) -> Result:
        return Result({"whole": float(self.config.whole)})
