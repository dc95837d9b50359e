"""The sinks of one run, fed beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.feed import Feed
from taskloom.sinks.sink import Maker, maker_of, warn_dropped

PATIENCE = 5.0
"""Longest time that the end of a run waits for its sinks, all together [s]."""


class SinkGroup:
    """The sinks of one run. One that raises is dropped with a warning, and the run goes on.

    Args:
        makers: What makes each sink, by the sink's name.
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, makers: Mapping[str, Maker], folder: Path, record: RunRecord) -> None:
        self._feeds = [Feed(name, maker, folder, record) for name, maker in makers.items()]

    def __bool__(self) -> bool:
        return bool(self._feeds)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Pass one line of metrics on, without waiting."""
        for feed in self._feeds:
            feed.put(step, metrics)

    def close(self, run: Run) -> None:
        """Let every sink take what waits and the final record, for at most `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        for feed in self._feeds:
            feed.end(run)
        for feed in self._feeds:
            feed.wait(max(0.0, deadline - time.monotonic()))
        self._feeds.clear()


def open_sinks(names: Sequence[str], folder: Path, record: RunRecord) -> SinkGroup:
    """Return the sinks of a run by their names; one whose opener raises is dropped with a warning."""
    makers: dict[str, Maker] = {}
    for name in dict.fromkeys(names):
        try:
            makers[name] = maker_of(name)
        except Exception as error:  # whatever the opener raises
            warn_dropped(name, error)
    return SinkGroup(makers, folder, record)
