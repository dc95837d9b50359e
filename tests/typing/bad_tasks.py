"""What task authors get wrong: a type checker must reject each line that ends with `# wrong`, and no other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from taskloom import Config, Finding, Resources, Result, RunContext, Task, TaskFactory, derive_seed


class WalkConfig(Config):
    steps: Annotated[int, Field(ge=1)] = 3


# The config is the bound task's: a task may keep none, or anything under that name.
class WithoutConfig:
    def __init__(self, config: WalkConfig) -> None:
        del config

    def run(self, ctx: RunContext) -> Result:
        return Result()


class WithoutRun:
    def __init__(self, config: WalkConfig) -> None:
        self.config = config


class WrongResult:
    def __init__(self, config: WalkConfig) -> None:
        self.config = config

    def run(self, ctx: RunContext) -> dict[str, float]:
        return {}


class WrongConfig:
    def __init__(self, config: WalkConfig) -> None:
        self.config = {"steps": config.steps}

    def run(self, ctx: RunContext) -> Result:
        return Result()


class TwoParameters:
    def __init__(self, config: WalkConfig, size: int) -> None:
        self.config = config

    def run(self, ctx: RunContext) -> Result:
        return Result()


config = WalkConfig()
a: Task[WalkConfig] = WithoutConfig(config)
b: Task[WalkConfig] = WithoutRun(config)  # wrong
c: Task[WalkConfig] = WrongResult(config)  # wrong
d: Task[WalkConfig] = WrongConfig(config)
e: TaskFactory[WalkConfig] = TwoParameters  # wrong
f: TaskFactory[WalkConfig] = WithoutRun  # wrong
Result({"loss": "low"})  # wrong
Finding("fatal", "No such level.")  # wrong
Resources(cores=4)  # wrong
derive_seed("0", "data")  # wrong


def uses(ctx: RunContext) -> None:
    ctx.log("step", loss=1.0)  # wrong
    ctx.dir = ctx.dir  # wrong
    print(ctx.no_such_member)  # wrong
