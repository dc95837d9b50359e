"""Writing that survives death at any instant: files replaced as a whole, and lines appended by one write each."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taskloom.errors import StoreError
from taskloom.system.files import fsync_folder, open_plain, read_at, replace


def store_error(doing: str, path: Path, error: OSError) -> StoreError:
    """Turn an operating-system error into the sentence a user reads."""
    reason = error.strerror or str(error)
    hint = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason, hint = "no space is left", "Free some space, or choose another store with --store."
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason, hint = f"{reason.lower()}", "Choose a folder that you may write to with --store."
    return StoreError(f"Cannot {doing} {path}: {reason}.", hint=hint)


def encode_number(value: float) -> float | str:
    """Return the number, or the JSON string that stands for NaN or an infinity; `taskloom.records.checks` reads it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a full disk may accept only a part before it refuses."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def atomic_write(path: Path, text: str, *, fence: Callable[[], None] | None = None) -> None:
    """Replace the file by the text: a reader sees the old content or the new, never a mixture.

    Args:
        path: The file.
        text: Its new content.
        fence: Called directly before the file is replaced; what it raises leaves the old content.

    Raises:
        StoreError: The file cannot be written; its old content is intact.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fence is not None:
            fence()
        replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise store_error("write", path, error) from error
        raise
    fsync_folder(path.parent)


def atomic_write_json(
    path: Path, value: Mapping[str, Any], *, fence: Callable[[], None] | None = None
) -> None:
    """Replace the file by the value as indented JSON."""
    atomic_write(path, json.dumps(value, indent=2, allow_nan=False) + "\n", fence=fence)


class JsonLines:
    """A file of JSON lines that is only ever appended to, one unbuffered write per line.

    Once `append` returns, the line survives the death of the process (though not of the machine: that takes an fsync, which
    costs 400 times as much). Opening the file removes a torn last line, which a writer that died may have left. One process
    writes, because the run's lock is held.

    Args:
        path: The file; created if missing.

    Raises:
        StoreError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = open_plain(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                self.close()
                raise OSError(errno.EINVAL, "it is no regular file")
            _drop_torn_tail(self._descriptor)
        except OSError as error:
            raise store_error("append to", path, error) from error

    def append(self, line: str) -> None:
        """Append one line; `line` holds no newline.

        Raises:
            StoreError: Nothing, or only a part, could be written; the file is as it was before.
        """
        try:
            write_all(self._descriptor, line.encode() + b"\n")
        except OSError as error:
            with contextlib.suppress(OSError):
                _drop_torn_tail(self._descriptor)
            raise store_error("append to", self._path, error) from error

    @property
    def size(self) -> int:
        """The size of the file [bytes]."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _drop_torn_tail(descriptor: int) -> None:
    """Cut what follows the last newline."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 65536)
        newline = read_at(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
