"""Thinned metric lines of large runs, kept beside the store: no page reads a million lines again.

What is kept lies in `STORE/.cache/series/<run>/`: the thinned lines and the byte up to which the file was read. A run that logs
many lines keeps them as it goes; of others they are made when a page first asks. It can be deleted at any time, is never the
record, and is made anew if the file shrank or its beginning changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError, StoreError
from taskloom.records.files import open_file, stat_file
from taskloom.records.metrics import FILE
from taskloom.runs.thinner import Thinner
from taskloom.runs.writer import atomic_write

AT_ONCE = 1 << 20
"""Bytes of metric lines that a page reads by itself; of more, what is read is kept."""
_HEAD = 4096


class KeptLines:
    """Metric lines of a run read so far, thinned, and the byte behind them.

    Args:
        folder: The run's folder.
        thinner: What was read before.
        end: Byte up to which it was read.
    """

    def __init__(self, folder: Path, thinner: Thinner | None = None, end: int = 0) -> None:
        self.thinner, self.end = thinner or Thinner(), end
        self._folder = folder

    @classmethod
    def load(cls, folder: Path) -> KeptLines:
        """Return what is kept of a run, if it is of this file; else nothing yet."""
        try:
            told: dict[str, Any] = json.loads(_place(folder).read_bytes())
            size = size_of(folder)
            if told["version"] == 1 and told["head"] == _head(folder) and 0 <= told["end"] <= size:
                return cls(folder, Thinner.of(told["state"]), int(told["end"]))
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
        return cls(folder)

    def copy(self) -> KeptLines:
        """Return the same apart from it: what a page shows is not what a thread changes."""
        state = json.loads(json.dumps(self.thinner.state()))
        return KeptLines(self._folder, Thinner.of(state), self.end)

    def save(self) -> None:
        """Write it; a store that cannot be written to costs the cache alone."""
        with contextlib.suppress(OSError, StoreError, RunCorruptError):
            place = _place(self._folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            told = {
                **{"version": 1, "head": _head(self._folder), "end": self.end},
                "state": self.thinner.state(),
            }
            # Lines may hold NaN, which the JSON of records does not have.
            atomic_write(place, json.dumps(told))


class LineKeeper:
    """Thinned lines of a run that is being written: line by line, so that nothing has to be read again.

    Args:
        folder: The run's folder.
        size: Size of its file of lines [bytes]; lines that another process wrote, and did not keep, are read by a page.
    """

    def __init__(self, folder: Path, size: int) -> None:
        kept = KeptLines(folder) if not size else KeptLines.load(folder) if size > AT_ONCE else None
        self._kept = kept if kept is not None and kept.end == size else None

    def add(self, row: Mapping[str, float]) -> None:
        """Take one line, with its `step` and `t`."""
        if self._kept is not None:
            self._kept.thinner.add(row)

    def close(self, size: int) -> None:
        """Keep the lines, if the file of them is large; `size` is its size [bytes]."""
        if self._kept is not None and size > AT_ONCE:
            self._kept.end = size
            self._kept.save()
        self._kept = None


def size_of(folder: Path) -> int:
    """Return the size of a run's metric lines [bytes]; 0 if it has none."""
    found = stat_file(folder, FILE)
    return 0 if found is None else found.st_size


def _place(folder: Path) -> Path:
    return folder.parent / ".cache" / "series" / folder.name / "thinned.json"


def _head(folder: Path) -> str:
    with open_file(folder, FILE) as file:
        return hashlib.sha256(file.read(_HEAD)).hexdigest()
