"""Tasks that do little, so that what is around them can be tested."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from taskloom import Config, ExecutionOnly, Result, RunContext, Unit
from taskloom.errors import ProcessLostError


class WalkConfig(Config):
    """A random walk."""

    steps: Annotated[int, Field(ge=1)] = 20
    """Steps to take."""
    every: Annotated[int, Field(ge=1)] = 5
    """Steps between checkpoints."""
    scale: Annotated[float, Field(gt=0)] = 1.0
    """Size of a step."""
    pause: Annotated[float, Field(ge=0), Unit("s"), ExecutionOnly()] = 0.0
    """Time spent on each step; it changes nothing of the walk."""


class Walk:
    """Adds random steps; the generator's state travels through checkpoints."""

    def __init__(self, config: WalkConfig) -> None:
        self._config = config

    @property
    def config(self) -> WalkConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        return self._walk(ctx, 0, 0.0, random.Random(ctx.seed("walk")))

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        state = json.loads((checkpoint / "state.json").read_text())
        generator = random.Random()
        version, numbers, gauss = state["generator"]
        generator.setstate((version, tuple(numbers), gauss))
        return self._walk(ctx, state["step"], state["place"], generator)

    def _walk(self, ctx: RunContext, step: int, place: float, generator: random.Random) -> Result:
        config = self._config
        with ctx.progress(config.steps, "walk") as progress:
            while step < config.steps and not ctx.should_stop:
                place += config.scale * generator.gauss(0, 1)
                step += 1
                time.sleep(config.pause)
                ctx.log(step, place=place)
                progress.advance()
                if step % config.every == 0:
                    self._save(ctx, step, place, generator)
        if ctx.should_stop:
            self._save(ctx, step, place, generator)
        ctx.artifact("place.txt").write_text(repr(place))
        return Result(
            {"place": place, "steps": float(step)},
            {"place": ctx.dir / "artifacts/place.txt"},
            f"at {place:.3f}",
        )

    def _save(self, ctx: RunContext, step: int, place: float, generator: random.Random) -> None:
        with ctx.checkpoint(step) as folder:
            state = {"step": step, "place": place, "generator": generator.getstate()}
            (folder / "state.json").write_text(json.dumps(state))


class WaitConfig(Config):
    """Waiting."""

    seconds: Annotated[float, Field(ge=0), Unit("s")] = 0.0
    """How long to wait."""
    polls: bool = False
    """Look at `should_stop` while waiting."""


class Wait:
    """Waits and cannot resume."""

    def __init__(self, config: WaitConfig) -> None:
        self._config = config

    @property
    def config(self) -> WaitConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        ctx.log(0, begun=1.0)
        end = time.monotonic() + self._config.seconds
        while time.monotonic() < end:
            if self._config.polls and ctx.should_stop:
                break
            time.sleep(0.01)
        return Result({"waited": self._config.seconds}, {}, "waited")


class FailConfig(Config):
    """Failing."""

    how: Literal["value", "exit", "silent", "result", "cause", "lost"] = "value"
    """The way to fail."""
    first: Annotated[str, ExecutionOnly()] = ""
    """A file whose absence makes the task fail; empty means it always does."""


class Fail:
    """Raises in the way it is told to."""

    def __init__(self, config: FailConfig) -> None:
        self._config = config

    @property
    def config(self) -> FailConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        ctx.log(1, before=1.0)
        if self._config.first:
            if Path(self._config.first).exists():
                return Result({"done": 1.0}, {}, "did not fail")
            if self._config.how == "lost":
                Path(self._config.first).touch()
        return _raise(self._config.how)


def _raise(how: str) -> Result:
    if how == "exit":
        raise SystemExit(7)
    if how == "lost":
        raise ProcessLostError("process 1 of 2 is gone")
    if how == "silent":
        raise RuntimeError
    if how == "result":
        return {"metrics": {}}  # type: ignore[return-value]  # that is the mistake under test
    if how == "cause":
        try:
            {}["absent"]
        except KeyError as error:
            raise LookupError("nothing here") from error
    raise ValueError("the value is wrong")
