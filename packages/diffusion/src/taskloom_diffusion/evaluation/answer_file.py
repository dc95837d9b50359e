"""A file of answers that grows while they are computed, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.errors import StoreError, UsageError
from taskloom.runs.writer import atomic_write_json

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class FileRequest:
    """A file whose lines are to be judged.

    Attributes:
        path: The file.
        column: Of a table; empty takes that of the model's own file.
        as_written: Whether molecules are judged as the file spells them.
        refuse: Whether the file is refused if the model lacks tokens for a line of it.
        out: Where the answers are written, if anywhere.
    """

    path: Path
    column: str = ""
    as_written: bool = False
    refuse: bool = False
    out: Path | None = None


def _fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"--file '{path}' cannot be read: {error.strerror}") from None


class AnswerFile:
    """Answers as JSON Lines under a name of their own until all are there, with how far they are beside them.

    Args:
        path: Where they are to stand.
        request: The file that is judged.
        settings: What answers depend on besides; those that were begun under others are not gone on with.

    Raises:
        UsageError: Answers under other settings have been begun there, or the file cannot be read.
    """

    def __init__(self, path: Path, request: FileRequest, settings: Settings) -> None:
        asked = {"column": request.column, "as_written": request.as_written}
        settings = {**settings, **asked, "file": _fingerprint(request.path)}
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._state = path.with_name(f"{path.name}.part.json")
        # As JSON gives them back, so that tuples and numbers compare equal to what was noted.
        self._settings = json.loads(json.dumps(settings))
        self.lines = 0
        size = 0
        if self._state.is_file() and self._part.is_file():
            found = json.loads(self._state.read_text(encoding="utf-8"))
            self._compare(found["settings"])
            self.lines, size = int(found["lines"]), int(found["bytes"])
        try:
            # What was written after the last note of how far it is may be torn.
            self._stream = self._part.open("r+b" if size else "wb")
            self._stream.truncate(size)
            self._stream.seek(size)
        except OSError as error:
            raise self._error(error) from None

    def _compare(self, theirs: Settings) -> None:
        for name, value in self._settings.items():
            if theirs.get(name) != value:
                what = f"{name} was {theirs.get(name)} and is {value}"
                # Two hashes would tell a reader nothing.
                if name == "file":
                    what = "the file has changed"
                raise UsageError(
                    f"--out '{self._path}' was begun otherwise: {what}; go on as before, or remove '{self._part}'"
                )

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"--out '{self._path}' cannot be written: {error.strerror}")

    def begun(self) -> Iterator[Mapping[str, Any]]:
        """Yield the answers that are there already, one after the other."""
        if not self.lines:
            return
        # Through a stream of its own: the other one stands where new answers go.
        end = self._stream.tell()
        with self._part.open("rb") as stream:
            while stream.tell() < end:
                yield json.loads(stream.readline())

    def append(self, records: Sequence[Mapping[str, Any]], lines: int) -> None:
        """Write the answers to some more lines.

        Raises:
            StoreError: They cannot be written.
        """
        try:
            for record in records:
                self._stream.write(json.dumps(record).encode() + b"\n")
            # First the answers, then how many there are: a note never counts what is not on the disk.
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self.lines += lines
            state = {"settings": self._settings, "lines": self.lines}
            atomic_write_json(self._state, state | {"bytes": self._stream.tell()})
        except OSError as error:
            raise self._error(error) from None

    def finish(self) -> None:
        """Put the answers under their name; all of them are there."""
        self._stream.close()
        try:
            # Only a whole file ever has the name that was asked for.
            os.replace(self._part, self._path)
        except OSError as error:
            raise self._error(error) from None
        self._state.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the answers as far as they are; the same command goes on from there."""
        self._stream.close()
