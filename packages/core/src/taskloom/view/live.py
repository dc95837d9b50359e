"""News of a run while it runs, as server-sent events: that its metrics grew, or that it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.runs.run import Run

PERIOD = 1.0
"""How often a run is looked at [s]."""


async def news(
    folder: Path, period: float = PERIOD, is_gone: Callable[[], bool] = lambda: False
) -> AsyncIterator[str]:
    """Yield an event whenever the run's status or its metrics or log have changed, until it has ended.

    Only the sizes of the files are looked at, so a run with a million lines costs as little as one with ten.
    """
    seen: tuple[str, int, int] | None = None
    while not is_gone():
        try:
            run = Run(folder)
            state = (run.status, _size(run.layout.metrics), _size(run.layout.log))
        except RunCorruptError:
            return
        if state != seen:
            seen = state
            yield f"data: {json.dumps({'status': state[0], 'metrics': state[1], 'log': state[2]})}\n\n"
        if state[0] not in ("created", "running", "running?"):
            return
        await asyncio.sleep(period)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
