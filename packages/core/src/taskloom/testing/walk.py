"""A task that executors and sinks are checked with: it counts, publishes checkpoints, and stops when it is asked to."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from taskloom.config import Config
from taskloom.context import RunContext
from taskloom.registry.components import refresh
from taskloom.registry.refs import DomainRef, TaskRef
from taskloom.task import Result

NAME = "taskloom-check"
DOMAIN = DomainRef(
    NAME, "Checks of executors.", "", (TaskRef("walk", "Count.", "taskloom.testing.walk:Walk"),)
)
_log = logging.getLogger(__name__)


class Walk(Config):
    """Count to a number."""

    steps: Annotated[int, Field(ge=1)] = 3
    """Steps to take."""
    pause: Annotated[float, Field(ge=0)] = 0.0
    """Pause before each step [s]."""

    def run(self, ctx: RunContext) -> Result:
        """Count from the beginning."""
        return self._walk(ctx, 0)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        """Count on from the checkpoint."""
        return self._walk(ctx, int((checkpoint / "step").read_text(encoding="utf-8")))

    def _walk(self, ctx: RunContext, done: int) -> Result:
        _log.info("walking from step %d", done)
        while done < self.steps and not ctx.should_stop:
            time.sleep(self.pause)
            done += 1
            ctx.log(done, place=float(done))
            with ctx.checkpoint(done) as folder:
                (folder / "step").write_text(str(done), encoding="utf-8", newline="\n")
        return Result({"steps": float(done)}, summary=f"walked {done} steps")


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Let this process, and those that it starts, find the domain `taskloom-check` for a while."""
    info = folder / "taskloom_check-1.0.dist-info"
    info.mkdir(parents=True)
    entry = f"[taskloom.domains]\n{NAME} = {__name__}:DOMAIN\n"
    (info / "entry_points.txt").write_text(entry, encoding="utf-8", newline="\n")
    before = os.environ.get("PYTHONPATH")
    sys.path.append(str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
    refresh()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
        refresh()
