"""Reading what a run printed, as a whole, at its end, or while it grows."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterator
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.records.files import open_file, stat_file
from taskloom.runs.run import Run

OUTPUT = "output.txt"
_TAIL = 1 << 18  # bytes that are read for the last lines
_PERIOD = 0.2  # [s] between looks at a file that grows
_CHUNK = 1 << 16


def read_output(run: Run) -> str:
    """Return all that is kept of what a run printed.

    Raises:
        RunCorruptError: The file is no regular file, or cannot be read.
    """
    return "".join(_pieces(run, follows=False))


def follow_output(run: Run) -> Iterator[str]:
    """Yield what a run prints piece by piece, until it is over.

    Raises:
        RunCorruptError: The file is no regular file, or cannot be read.
    """
    yield from _pieces(run, follows=True)


def last_lines(folder: Path, count: int) -> tuple[list[str], bool]:
    """Return the last lines that a run printed, and whether there are earlier ones."""
    found = stat_file(folder, OUTPUT)
    if found is None:
        return [], False
    start = max(0, found.st_size - _TAIL)
    try:
        with open_file(folder, OUTPUT) as file:
            file.seek(start)
            lines = file.read(_TAIL).decode("utf-8", "replace").split("\n")
    except (OSError, RunCorruptError):
        return [], False
    if lines and not lines[-1]:
        lines.pop()
    if start:
        lines = lines[1:]  # the first one may have lost its beginning
    return lines[-count:], bool(start) or len(lines) > count


def last_words(run: Run) -> str:
    """Return the last line that the process of a run printed before it was lost; empty for a run that was not."""
    if run.status not in ("created", "crashed"):
        return ""
    lines = [line.strip() for line in last_lines(run.dir, 20)[0]]
    return next((line for line in reversed(lines) if line), "")


def _pieces(run: Run, *, follows: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    done, inode = 0, -1
    while True:
        is_over = not follows or Run(run.dir).status not in ("created", "running")
        found = stat_file(run.dir, OUTPUT)
        if found is not None:
            # A file that grew too long was replaced by its two ends: go on at the new end.
            if inode not in (-1, found.st_ino):
                done = found.st_size
            inode = found.st_ino
            with open_file(run.dir, OUTPUT) as file:
                file.seek(done)
                while data := file.read(_CHUNK):
                    done += len(data)
                    yield decoder.decode(data)
        elif os.path.lexists(run.layout.output):
            open_file(run.dir, OUTPUT).close()  # raises what is wrong with it
        if is_over:
            yield decoder.decode(b"", final=True)
            return
        time.sleep(_PERIOD)
