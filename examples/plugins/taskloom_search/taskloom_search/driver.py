"""The domain's one loop: it pairs a task with the searcher in its config."""

import random
from collections.abc import Iterable, Mapping
from pathlib import Path

from taskloom import BoundTask, Finding, JsonValue, Result, RunContext

from taskloom_search.config import SearchConfig
from taskloom_search.task import Problem

Task = BoundTask[Problem, SearchConfig]


def run(task: Task, ctx: RunContext, checkpoint: Path | None) -> Result:
    """Try as many points as the config says; every random number comes from the run's own seed."""
    del checkpoint  # a run of this domain begins anew
    generator = random.Random(ctx.seed("search"))
    tried: list[tuple[float, float]] = []
    for step in range(task.config.steps):
        x = task.config.searcher.propose(tried, generator)
        tried.append((task.task.value(x), x))
        ctx.log(step, lowest=min(tried)[0])
        if ctx.should_stop:
            break
    lowest, where = min(tried)
    return Result({"lowest": lowest, "where": where}, summary=f"lowest {lowest:.4g} at {where:.4g}")


def check(task: Task) -> Iterable[Finding]:
    """Yield what is wrong, before anything is run."""
    for x in (0.0, 1.0):
        if task.task.value(x) != task.task.value(x):
            yield Finding("error", f"value({x}) differs from call to call")


def describe(task: Task) -> Mapping[str, JsonValue]:
    """Return facts for `tasks info`."""
    return {"points": task.config.steps}


def can_resume(task: Task) -> bool:
    """Return whether a run can go on from a checkpoint."""
    del task
    return False
