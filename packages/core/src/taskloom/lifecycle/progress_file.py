"""Progress of a run in a file of its folder, at most once a second, so that a page can say how far it is."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from taskloom.context import Progress
from taskloom.lifecycle.bar import Pace
from taskloom.system.files import replace

NAME = "progress.json"
PERIOD = 1.0
"""Time between two writings [s]."""


@contextmanager
def told_in_file(
    shown: AbstractContextManager[Progress],
    folder: Path,
    total: int | None,
    label: str,
    may_write: Callable[[], bool],
) -> Iterator[Progress]:
    """Yield a count that is shown as it was and also told in a file, which goes when the block ends.

    Args:
        shown: The count on the console.
        folder: Folder of the run.
        total: Units in all; None where that is not known.
        label: What is counted.
        may_write: False once another process has taken the run over.
    """
    path = folder / NAME
    with shown as inner:
        told = _Told(inner, path, total, label, may_write)
        try:
            yield told
        finally:
            if told.has_written and may_write():
                with contextlib.suppress(OSError):
                    path.unlink()


class _Told:
    """A count that passes on every step, and writes now and then."""

    def __init__(
        self,
        inner: Progress,
        path: Path,
        total: int | None,
        label: str,
        may_write: Callable[[], bool],
    ) -> None:
        self._inner, self._path, self._total, self._label = inner, path, total, label
        self._may_write = may_write
        begun = time.monotonic()
        self._pace, self._next = Pace(begun), begun + PERIOD
        self.has_written = False

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        self._inner.advance(steps)
        now = time.monotonic()
        self._pace.advance(steps, now)
        if now < self._next:
            return
        self._next = now + PERIOD
        if self._may_write():
            # A full disk is told by what the run itself writes.
            with contextlib.suppress(OSError):
                self._write(now)

    def _write(self, now: float) -> None:
        told = {
            "label": self._label,
            "done": self._pace.done,
            "total": self._total,
            "rate": self._pace.rate,
            "left": self._pace.left(self._total, now),
            "at": time.time(),
        }
        partial = self._path.with_name(f".{NAME}.partial")
        partial.write_text(json.dumps(told), encoding="utf-8", newline="\n")
        replace(partial, self._path)
        self.has_written = True
