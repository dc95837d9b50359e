"""Tasks of the garden domain."""

import time
from collections.abc import Iterable

from taskloom import Finding, Result, RunContext

from garden_domain.config import GrowConfig


class Grow:
    """Grow one plant for some days."""

    def __init__(self, config: GrowConfig) -> None:
        self.config = config

    def check(self) -> Iterable[Finding]:
        if self.config.name == "weed":
            yield Finding("warning", "the plant is a weed")

    def run(self, ctx: RunContext, /) -> Result:
        height = 0.0
        for day in range(self.config.days):
            height += 1.0 + ctx.seed("sun") % 100 / 100
            ctx.log(day, height=height)
        path = ctx.artifact("diary.txt")
        path.write_text(f"{self.config.name} grew to {height}\n", encoding="utf-8")
        return Result({"height": height}, {"diary": path}, f"grew to {height:.2f}")


class Wilt(Grow):
    """Raise in the middle of a run."""

    def __init__(self, config: GrowConfig) -> None:
        super().__init__(config)

    def run(self, ctx: RunContext, /) -> Result:
        ctx.log(0, height=1.0)
        raise RuntimeError("the plant has wilted")


class Drought(Grow):
    """Fail its own check."""

    def __init__(self, config: GrowConfig) -> None:
        super().__init__(config)

    def check(self) -> Iterable[Finding]:
        yield Finding("error", "there is no water")


class Wait(Grow):
    """Wait until somebody asks it to stop."""

    def __init__(self, config: GrowConfig) -> None:
        super().__init__(config)

    def run(self, ctx: RunContext, /) -> Result:
        ctx.log(0, height=0.0)
        while not ctx.should_stop:
            time.sleep(0.01)
        return Result({"height": 0.0}, {}, "stopped waiting")
