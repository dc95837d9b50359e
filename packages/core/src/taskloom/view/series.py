"""Metric lines of a run for its page: those that were kept, and the rest read here or, if it is much, beside the page."""

from __future__ import annotations

import threading
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.records.metrics import MetricLines
from taskloom.report.course import MetricCourse
from taskloom.runs.kept import AT_ONCE, KeptLines, size_of
from taskloom.runs.run import Run

_LINES = 20_000  # between two looks at the share
_READERS: dict[Path, _Reader] = {}
_WATCH = threading.Lock()


def course_of(run: Run) -> MetricCourse:
    """Return the metric lines of a run for its page: all of them, or those so far while a thread reads the others.

    Args:
        run: The run.

    Raises:
        RunCorruptError: The lines cannot be read.
    """
    size = size_of(run.dir)
    kept = KeptLines.load(run.dir) if size > AT_ONCE else KeptLines(run.dir)
    if size - kept.end <= AT_ONCE:
        begun = kept.end
        lines = MetricLines(run.dir, kept.end)
        for row in lines:
            kept.thinner.add(row)
        kept.end = lines.end
        if size > AT_ONCE and kept.end > begun:
            kept.save()
        return MetricCourse(kept.thinner.rows(), kept.thinner.count, 1.0)
    reader = _reader_of(run, kept, size)
    return MetricCourse(kept.thinner.rows(), kept.thinner.count, min(reader.share, 0.99))


def is_reading(run: Run) -> str:
    """Return how much of a run's lines is read, in words, while a thread reads them; else nothing."""
    with _WATCH:
        reader = _READERS.get(run.dir)
    return "" if reader is None else f"{100 * reader.share:.0f} %"


class _Reader(threading.Thread):
    """A thread that reads the lines of one run and keeps them."""

    def __init__(self, run: Run, kept: KeptLines, size: int) -> None:
        super().__init__(daemon=True, name="series")
        self._run, self._kept, self._size = run, kept.copy(), size
        self.share = kept.end / max(size, 1)

    def run(self) -> None:
        """Read to the end, and keep what was read."""
        try:
            lines = MetricLines(self._run.dir, self._kept.end)
            for number, row in enumerate(lines):
                self._kept.thinner.add(row)
                if number % _LINES == 0:
                    self.share = lines.end / self._size
            self._kept.end = lines.end
            self._kept.save()
        except RunCorruptError:
            pass  # the page says it
        finally:
            with _WATCH:
                _READERS.pop(self._run.dir, None)


def _reader_of(run: Run, kept: KeptLines, size: int) -> _Reader:
    with _WATCH:
        reader = _READERS.get(run.dir)
        if reader is None:
            reader = _READERS[run.dir] = _Reader(run, kept, size)
            reader.start()
        return reader
