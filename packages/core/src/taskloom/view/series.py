"""Metric lines of large runs, thinned once and kept: no page reads a million lines again.

What is kept lies in `STORE/.cache/series/<run>/`: the thinned lines and the byte up to which the file was read. It can be
deleted at any time, is never the record, and is made anew if the file shrank or its beginning changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError, StoreError
from taskloom.records.files import open_file, stat_file
from taskloom.records.metrics import FILE, MetricLines
from taskloom.report.course import MetricCourse
from taskloom.report.sample import Thinner
from taskloom.runs.run import Run
from taskloom.runs.writer import atomic_write

AT_ONCE = 1 << 20
"""Bytes of metric lines that a page reads by itself; more are read beside it."""
_HEAD = 4096
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
    size = _size(run)
    kept = _load(run) if size > AT_ONCE else _Kept()
    if size - kept.end <= AT_ONCE:
        begun = kept.end
        _read_on(run, kept)
        if size > AT_ONCE and kept.end > begun:
            _save(run, kept)
        return MetricCourse(kept.thinner.rows(), kept.thinner.count, 1.0)
    reader = _reader_of(run, kept, size)
    return MetricCourse(kept.thinner.rows(), kept.thinner.count, min(reader.share, 0.99))


def is_reading(run: Run) -> str:
    """Return how much of a run's lines is read, in words, while a thread reads them; else nothing."""
    with _WATCH:
        reader = _READERS.get(run.dir)
    return "" if reader is None else f"{100 * reader.share:.0f} %"


@dataclass
class _Kept:
    """Lines read so far, and the byte behind them."""

    thinner: Thinner
    end: int = 0

    def __init__(self, thinner: Thinner | None = None, end: int = 0) -> None:
        self.thinner, self.end = thinner or Thinner(), end


class _Reader(threading.Thread):
    """A thread that reads the lines of one run and keeps them."""

    def __init__(self, run: Run, kept: _Kept, size: int) -> None:
        super().__init__(daemon=True, name="series")
        # What a page shows meanwhile is not what the thread changes.
        self._run, self._kept, self._size = (
            run,
            _Kept(Thinner.of(json.loads(json.dumps(kept.thinner.state()))), kept.end),
            size,
        )
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
            _save(self._run, self._kept)
        except RunCorruptError:
            pass  # the page says it
        finally:
            with _WATCH:
                _READERS.pop(self._run.dir, None)


def _reader_of(run: Run, kept: _Kept, size: int) -> _Reader:
    with _WATCH:
        reader = _READERS.get(run.dir)
        if reader is None:
            reader = _READERS[run.dir] = _Reader(run, kept, size)
            reader.start()
        return reader


def _read_on(run: Run, kept: _Kept) -> None:
    lines = MetricLines(run.dir, kept.end)
    for row in lines:
        kept.thinner.add(row)
    kept.end = lines.end


def _size(run: Run) -> int:
    found = stat_file(run.dir, FILE)
    return 0 if found is None else found.st_size


def _place(run: Run) -> Path:
    return run.dir.parent / ".cache" / "series" / run.dir.name / "thinned.json"


def _head(run: Run) -> str:
    with open_file(run.dir, FILE) as file:
        return hashlib.sha256(file.read(_HEAD)).hexdigest()


def _load(run: Run) -> _Kept:
    """Return what is kept of a run, if it is of this file; else nothing yet."""
    try:
        told: dict[str, Any] = json.loads(_place(run).read_bytes())
        if told["version"] == 1 and told["head"] == _head(run) and 0 <= told["end"] <= _size(run):
            return _Kept(Thinner.of(told["state"]), int(told["end"]))
    # Whatever is wrong with a cache, it is made anew.
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        RunCorruptError,
    ):
        pass
    return _Kept()


def _save(run: Run, kept: _Kept) -> None:
    """Write what was read; a store that cannot be written to costs the cache alone."""
    with contextlib.suppress(OSError, StoreError, RunCorruptError):
        place = _place(run)
        place.parent.mkdir(parents=True, exist_ok=True)
        told = {"version": 1, "head": _head(run), "end": kept.end, "state": kept.thinner.state()}
        # Lines may hold NaN, which the JSON of records does not have.
        atomic_write(place, json.dumps(told))
