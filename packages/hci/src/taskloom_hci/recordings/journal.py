"""The file of one session: events are appended, and nothing that was answered is lost.

An event is written in one call before its answer is sent, so that a process killed at any moment leaves a file that ends with a
whole line or with a part of one. Such a part is cut off when the session goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from taskloom.records.files import read_bytes
from taskloom.system.files import open_plain

from taskloom_hci.errors import HciError
from taskloom_hci.recordings.lines import Event, Kind, decode, encode

SUFFIX = ".jsonl"
LARGEST = 1 << 28  # of a file that is read [bytes]


def read_lines(path: Path) -> tuple[list[Event], int]:
    """Return the whole lines of a session's file and the number of bytes that they take.

    A last line that is torn is left out; the bytes behind the number are what is left of it.

    Raises:
        HciError: A line before the last is damaged; the sentence names it.
        RunCorruptError: The file cannot be read.
    """
    data = read_bytes(path.parent, path.name, LARGEST)
    lines: list[Event] = []
    size = 0
    while size < len(data):
        end = data.find(b"\n", size)
        is_last = end < 0 or end + 1 == len(data)
        try:
            if end < 0:
                raise HciError("the line has no end")
            line = decode(data[size : end + 1])
            if line.n != len(lines):
                raise HciError(f"the line has the number {line.n}")
        except HciError as error:
            if is_last:
                break
            raise HciError(
                f"Line {len(lines) + 1} of {path.name} cannot be read: {error.message}."
            ) from None
        lines.append(line)
        size = end + 1
    return lines, size


class Journal:
    """The open file of one session.

        journal.note("action", data={"value": 1}, seq=4)
        journal.commit()        # now it may be answered

    Args:
        path: The file; it is made if there is none, and a torn last line is cut off.

    Attributes:
        lines: The lines that the file held when it was opened.
        repaired: Bytes that were cut off.

    Raises:
        HciError: The file is damaged before its last line.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines, self._size = read_lines(path) if path.exists() else ([], 0)
        self._file = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.repaired = os.fstat(self._file).st_size - self._size
        if self.repaired:
            os.ftruncate(self._file, self._size)
        self._next = len(self.lines)
        self._waiting: list[bytes] = []
        if self.repaired:
            self.note("repaired", data={"bytes": self.repaired})

    def note(self, kind: Kind, *, data: Mapping[str, Any] | None = None, **fields: Any) -> Event:  # noqa: ANN401 -- fields of a line
        """Stamp an event; `commit` writes it.

        Args:
            kind: Kind of event.
            data: Everything that belongs to the kind.
            **fields: Further fields of `Event`.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = Event(self._next, now, time.monotonic_ns(), kind, data=data or {}, **fields)
        self._waiting.append(encode(line))
        self._next += 1
        return line

    def commit(self) -> bool:
        """Write what was noted, in one call; return whether there was anything.

        Raises:
            OSError: It cannot be written; the file is as it was before, and the session must be opened anew.
        """
        if not self._waiting:
            return False
        text = b"".join(self._waiting)
        try:
            written = 0
            while written < len(text):
                written += os.write(self._file, text[written:])
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(text)
        self._waiting.clear()
        return True

    def sync(self) -> None:
        """Make what was written survive a loss of power."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; what was noted and not written is forgotten."""
        os.close(self._file)
        # The number may soon be that of another file, which late notes must not reach.
        self._file = -1
