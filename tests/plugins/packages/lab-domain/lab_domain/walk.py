"""A walk on a line, and what its report shows."""

import random
from typing import Annotated

from taskloom import Config, OneOf, Result, RunContext
from taskloom.report import Block, charts
from taskloom.runs import Run

from lab_domain.gaits import Drift, Fair


class Walk(Config):
    gait: Annotated[Fair | Drift, OneOf("lab_domain.gaits")] = Fair()
    """How to choose a step."""
    steps: int = 20

    def run(self, ctx: RunContext) -> Result:
        generator, place = random.Random(ctx.seed("steps")), 0
        for step in range(self.steps):
            place += 1 if generator.random() < self.gait.right() else -1
            ctx.log(step, place=place)
        return Result({"place": place})


def report(run: Run) -> list[Block]:
    return [charts.line(run.history(), "step", "place", title="The walk")]
