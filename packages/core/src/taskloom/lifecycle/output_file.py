"""The file of a run that keeps what the run printed: its beginning and its end, and no secret."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from pathlib import Path

from taskloom.runs.writer import write_all
from taskloom.secrets.redaction import KNOWN
from taskloom.system.files import open_plain, replace

LIMIT = 10 << 20
"""Size of the file when the run is over [bytes]: half of it from the beginning of the output, half from its end."""
_NOTE_ROOM = 100
_GAP = re.compile(rb"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n")


class SharedFile:
    """Output of a process that computes along, on its way into the file of the run: whole lines, each with its rank.

    Args:
        rank: The number of the process.
        limit: Bytes that it may write; the run's own output is not crowded out.
    """

    def __init__(self, rank: int, limit: int = 1 << 20) -> None:
        self._mark = f"[rank {rank}] ".encode()
        self._left = limit
        self._held = self._line = b""
        self._path: Path | None = None

    def keep(self, path: Path) -> None:
        """Write into this file from now on."""
        self._path = path

    def write(self, data: bytes) -> bytes:
        """Take some output, and return what may be shown of it now."""
        done, self._held = KNOWN.split(self._held + data)
        *lines, self._line = (self._line + done).split(b"\n")
        self._append(lines)
        return done

    def close(self) -> bytes:
        """Write and return what was held back."""
        rest, self._held = KNOWN.whole(self._held), b""
        last, self._line = self._line + rest, b""
        self._append([last] if last else [])
        return rest

    def taken(self) -> bytes:
        """Return what waits for a file: nothing."""
        return b""

    def _append(self, lines: list[bytes]) -> None:
        if not lines or self._path is None or self._left <= 0:
            return
        data = b"".join(self._mark + line + b"\n" for line in lines)
        self._left -= len(data)
        if self._left <= 0:
            data += self._mark + b"[... what follows is left out ...]\n"
        # Opened anew each time: the run replaces a file that grew too long.
        with contextlib.suppress(OSError):
            descriptor = open_plain(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)


class OutputFile:
    """Output on its way into a file, which may come later than the output.

    Args:
        limit: Size of the file at the end [bytes]; it may be half as large again on the way.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._half = limit // 2
        self._waiting = bytearray()
        self._held = b""
        self._path: Path | None = None
        self._descriptor = -1
        self._size = 0
        self._left_out = 0
        self._lock = threading.Lock()

    def keep(self, path: Path) -> None:
        """Write into this file from now on, behind what it holds: a resumed run goes on in it."""
        with self._lock:
            self._path = path
            with contextlib.suppress(OSError):  # the output is lost, the run is not
                self._descriptor = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
                self._size = os.fstat(self._descriptor).st_size
                gap = _GAP.match(self._read(self._half, _NOTE_ROOM))
                self._left_out = int(gap[1]) if gap else 0
            waiting, self._waiting = bytes(self._waiting), bytearray()
            self._append(waiting)

    def taken(self) -> bytes:
        """Return what waits for a file."""
        with self._lock:
            return bytes(self._waiting)

    def write(self, data: bytes) -> bytes:
        """Take some output, and return what may be shown of it now: without secrets, and without what may begin one."""
        with self._lock:
            done, self._held = KNOWN.split(self._held + data)
            self._append(done)
        return done

    def close(self) -> bytes:
        """Write and return what was held back, and close the file."""
        with self._lock:
            rest, self._held = KNOWN.whole(self._held), b""
            self._append(rest)
            if self._size > 2 * self._half:
                self._shorten()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
        return rest

    def _append(self, data: bytes) -> None:
        if self._path is None:
            self._waiting += data
            if len(self._waiting) > 3 * self._half:
                del self._waiting[self._half : -self._half]
            return
        if self._descriptor < 0 or not data:
            return
        try:
            write_all(self._descriptor, data)
        except OSError:
            return  # a full disk silences the output, and does not end the run
        self._size += len(data)
        if self._size > 3 * self._half:
            self._shorten()

    def _shorten(self) -> None:
        """Replace the file by its beginning and its end."""
        if self._path is None or self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            self._size = os.fstat(self._descriptor).st_size  # other processes of the run write, too
            head = self._read(0, self._half)
            gap = _GAP.match(self._read(self._half, _NOTE_ROOM))
            start = self._size - self._half + _NOTE_ROOM
            tail = self._read(start, self._half)
            self._left_out += start - self._half - (len(gap[0]) if gap else 0)
            whole = head + f"\n[... {self._left_out} bytes left out ...]\n".encode() + tail
            temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.tmp")
            descriptor = open_plain(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
            write_all(descriptor, whole)
            os.close(self._descriptor)
            self._descriptor, self._size = descriptor, len(whole)
            replace(temporary, self._path)

    def _read(self, start: int, length: int) -> bytes:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        found = bytearray()
        while len(found) < length and (piece := os.read(self._descriptor, length - len(found))):
            found += piece
        return bytes(found)
