"""The standard streams of a command, any of which may be closed, full, or without a reader.

What a command computes never depends on them: what cannot be written is dropped, and the first reason is remembered.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from taskloom.system.descriptors import open_if_closed

if TYPE_CHECKING:
    from typing_extensions import Buffer


class LossyDescriptor(io.RawIOBase):
    """A descriptor to write to, whose failures are remembered and not raised.

    Attributes:
        error: The first failure; None as long as all went well.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it leads to a terminal."""
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False

    def write(self, data: Buffer, /) -> int:
        """Write the data, or drop them."""
        view = memoryview(data).cast("B")
        try:
            return os.write(self._descriptor, view)
        except OSError as error:
            self.error = self.error or error
            return len(view)


class StandardStreams:
    """The standard streams of this process.

    Args:
        stdout: What stdout writes to; None if it is not the process's own.
    """

    def __init__(self, stdout: LossyDescriptor | None = None) -> None:
        self._stdout = stdout

    def lost(self) -> str:
        """Return why output was lost that a reader waits for; empty if none was, or the reader has gone."""
        with _nothing_raised():
            sys.stdout.flush()
        error = self._stdout.error if self._stdout is not None else None
        gone = (errno.EPIPE, errno.EBADF)
        return "" if error is None or error.errno in gone else str(error.strerror)


@contextmanager
def standard_streams() -> Iterator[StandardStreams]:
    """Give stdout and stderr a form that never raises while the block runs, where they are the process's own."""
    before = sys.stdout, sys.stderr
    if not _is_own(before[0], 1) or not _is_own(before[1], 2):
        yield StandardStreams()  # a test or a notebook has put others there
        return
    for descriptor in (0, 1, 2):
        open_if_closed(descriptor)
    raw = LossyDescriptor(1)
    sys.stdout = _text_stream(raw, before[0])
    sys.stderr = _text_stream(LossyDescriptor(2), before[1])
    try:
        yield StandardStreams(raw)
    finally:
        with _nothing_raised():
            sys.stdout.flush()
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _text_stream(raw: LossyDescriptor, like: TextIO | None) -> TextIO:
    encoding = getattr(like, "encoding", None) or "utf-8"
    # Neither a character that the encoding lacks nor a file name of odd bytes stops a command.
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    errors = "surrogateescape" if is_utf8 else "backslashreplace"
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffered,
        encoding,
        errors,
        line_buffering=raw.isatty() or raw.fileno() == 2,
        write_through=bool(getattr(like, "write_through", False)),
    )


def _is_own(stream: TextIO | None, descriptor: int) -> bool:
    if stream is None:  # it was closed when the process began
        return True
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def _nothing_raised() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, AttributeError):
        return
