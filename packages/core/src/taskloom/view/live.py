"""News of a run while it runs, as server-sent events: that its metrics grew, or that it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.records.files import stat_file
from taskloom.runs.run import Run
from taskloom.view.progress import progress_words
from taskloom.view.series import is_reading

LIVE = ("created", "running", "running?")
"""Statuses of a run that goes on."""
PERIOD = 1.0
"""Period in which a run is looked at [s]."""


async def news(
    folder: Path, period: float = PERIOD, is_gone: Callable[[], bool] = lambda: False
) -> AsyncIterator[str]:
    """Yield an event whenever the run's status or its metrics or log have changed, until it has ended.

    Only the sizes of the files are looked at, so a run with a million lines costs as little as one with ten.
    """
    seen: tuple[str, int, int, str, str] | None = None
    while not is_gone():
        try:
            run = Run(folder)
            state = (
                run.status,
                _size(folder, run.layout.metrics),
                _size(folder, run.layout.log),
                progress_words(run),
                is_reading(run),
            )
        except RunCorruptError:
            return
        if state != seen:
            seen = state
            told = dict(
                zip(("status", "metrics", "log", "progress", "reading"), state, strict=True)
            )
            yield f"data: {json.dumps(told)}\n\n"
        if state[0] not in LIVE and not state[4]:
            return
        await asyncio.sleep(period)


def _size(folder: Path, path: Path) -> int:
    found = stat_file(folder, path.name)
    return found.st_size if found is not None else 0
