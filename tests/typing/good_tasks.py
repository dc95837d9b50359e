"""What task authors write: a type checker must accept every line of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from taskloom import (
    Checkable,
    Component,
    Config,
    Describable,
    Finding,
    JsonValue,
    OneOf,
    Result,
    Resumable,
    RunContext,
    Task,
    TaskFactory,
    Unit,
)


class Gait(Component):
    """How to walk."""


class Slow(Gait):
    kind: Literal["slow"] = "slow"
    speed: Annotated[float, Field(gt=0), Unit("m/s")] = 0.5


class Fast(Gait):
    kind: Literal["fast"] = "fast"


class WalkConfig(Config):
    steps: Annotated[int, Field(ge=1)] = 3
    gait: Annotated[Gait, OneOf("lab.gaits")] = Slow()


class Walk:
    """A task as a class with every ability."""

    def __init__(self, config: WalkConfig) -> None:
        self._config = config

    @property
    def config(self) -> WalkConfig:
        return self._config

    def run(self, ctx: RunContext, /) -> Result:
        ctx.log(1, loss=0.5)
        with ctx.checkpoint(1) as folder:
            (folder / "state.json").write_text("{}")
        return Result({"n": float(self.config.steps)})

    def check(self) -> Iterable[Finding]:
        yield Finding("warning", "It is far.")

    def resume(self, ctx: RunContext, checkpoint: Path, /) -> Result:
        return self.run(ctx)

    def describe(self) -> Mapping[str, JsonValue]:
        return {"sizes": [1, 2], "licence": "CC0"}


class Stored:
    """A task whose config is an attribute."""

    def __init__(self, config: WalkConfig) -> None:
        self.config = config

    def run(self, ctx: RunContext) -> Result:
        return Result(summary=f"{self.config.steps} steps in {ctx.dir}")


class OwnConfig(Config):
    """A config that is its own task."""

    tosses: int = 3

    def run(self, ctx: RunContext) -> Result:
        return Result({"seed": float(ctx.seed("coin") % self.tosses)})


def make_walk(config: WalkConfig) -> Task[WalkConfig]:
    return Walk(config) if config.steps > 1 else Stored(config)


def needs_any_task(task: Task[Config]) -> object:
    return task.run


config = WalkConfig(steps=4, gait=Fast())
task: Task[WalkConfig] = Walk(config)
widened: Task[Config] = task  # covariant: a task of a narrower config is a task
needs_any_task(Stored(config))
from_class: TaskFactory[WalkConfig] = Walk
from_function: TaskFactory[WalkConfig] = make_walk
abilities: tuple[Checkable, Resumable, Describable] = (Walk(config), Walk(config), Walk(config))
if isinstance(task, Resumable):
    print(task.resume)
