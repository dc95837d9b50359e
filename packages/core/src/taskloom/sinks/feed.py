"""A sink on a thread of its own: whatever it does there, the run neither stops nor waits for it.

Lines go through a bounded queue. A sink that is too slow loses lines, which are counted; the run's folder has them all.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.sink import Maker, Sink, warn_dropped

_log = logging.getLogger(__name__)

LONGEST_QUEUE = 10_000
"""Number of lines that may wait for a sink."""


@dataclass(frozen=True, slots=True)
class _Line:
    step: int
    metrics: Mapping[str, float]


class Feed:
    """Lines on their way to one sink, in order.

    Args:
        name: The sink's name.
        maker: Makes the sink; called on the sink's thread, because opening may hang too.
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, name: str, maker: Maker, folder: Path, record: RunRecord) -> None:
        self._name = name
        self._waiting: queue.Queue[_Line | Run] = queue.Queue()
        self._is_over = False
        self._lost = 0
        # A daemon: a sink that hangs for good must not keep the process.
        self._thread = threading.Thread(
            target=self._work, args=(maker, folder, record), name=f"sink-{name}", daemon=True
        )
        self._thread.start()

    def put(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand over one line; it is dropped and counted where too many wait."""
        if self._is_over:
            return
        if self._waiting.qsize() >= LONGEST_QUEUE:
            self._lost += 1
        else:
            self._waiting.put(_Line(step, metrics))

    def end(self, run: Run) -> None:
        """Hand over the final record; nothing is put afterwards."""
        self._waiting.put(run)

    def wait(self, seconds: float) -> None:
        """Wait until the sink has taken everything, at most so long [s], and log what it has not taken."""
        self._thread.join(seconds)
        unsent = max(0, self._waiting.qsize() - 1)  # the final record is no line
        if self._lost:
            _log.warning("the sink %s was too slow: it lost %d lines", self._name, self._lost)
        if self._thread.is_alive():
            _log.warning("the sink %s did not end: %d lines were not sent", self._name, unsent)

    def _work(self, maker: Maker, folder: Path, record: RunRecord) -> None:
        try:
            self._pass_on(maker(folder, record))
        except BaseException as error:  # whatever the library raises, SystemExit included
            warn_dropped(self._name, error)
        finally:
            self._is_over = True

    def _pass_on(self, sink: Sink) -> None:
        while isinstance(item := self._waiting.get(), _Line):
            sink.log(item.step, item.metrics)
        sink.close(item)
