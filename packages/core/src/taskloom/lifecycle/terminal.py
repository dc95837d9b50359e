"""Streams that a run may lose without noticing: closed ones, full disks, pipes whose reader has gone."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


class LossyStream:
    """A stream whose failures are no one's business: what cannot be written is dropped.

    Args:
        stream: Where to write; None drops everything.
        is_owned: Whether to close the stream with this one.
    """

    def __init__(self, stream: TextIO | None, *, is_owned: bool = False) -> None:
        self._stream = stream
        self._is_owned = is_owned

    @property
    def encoding(self) -> str:
        """Encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                try:
                    self._stream.write(text)
                except UnicodeEncodeError:
                    shown = text.encode(self.encoding, "backslashreplace")
                    self._stream.write(shown.decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Flush the stream, or drop what it held."""
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # it is closed
            return False

    def fileno(self) -> int:
        """Return the descriptor of the stream.

        Raises:
            OSError: It has none.
        """
        if self._stream is None:
            raise OSError("there is no stream")
        return self._stream.fileno()

    def close(self) -> None:
        """Close the stream if it belongs to this one."""
        if self._is_owned and self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.close()
        self._stream = None


def lossy(stream: TextIO | LossyStream) -> LossyStream:
    """Return a stream that drops what it cannot write."""
    return stream if isinstance(stream, LossyStream) else LossyStream(stream)


def own_stderr() -> LossyStream:
    """Return a stream to where stderr leads now, and goes on leading while descriptors 1 and 2 lead elsewhere."""
    stream = sys.stderr
    if stream is None or not leads_to(stream, 2):
        return LossyStream(stream)
    try:
        copy = os.fdopen(
            os.dup(2), "w", encoding=stream.encoding, errors="backslashreplace", newline="\n"
        )
    except (OSError, LookupError):
        return LossyStream(stream)
    return LossyStream(copy, is_owned=True)


def wrapped(text: str, width: int) -> str:
    r"""Return a text whose long lines are broken at spaces; lines of two words, indented lines and longer words stay.

    A path that is broken could not be copied, and code or a table that is reflowed could not be read.

    Args:
        text: One line or several.
        width: Columns of the terminal.

    Example:
        >>> wrapped("Settled after 4.32 s and held to the end.", 24)
        'Settled after 4.32 s and\nheld to the end.'
    """
    import textwrap  # every start of the command line would wait for it

    lines = []
    for line in text.splitlines():
        if len(line) <= width or line[:1].isspace() or line.count(" ") < 2:
            lines.append(line)
        else:
            lines += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def fitted(text: str, stream: TextIO | LossyStream | None) -> str:
    """Return a text as a stream should show it: wrapped on a terminal, as it is in a file or a pipe."""
    if stream is None or not lossy(stream).isatty():
        return text
    import shutil  # every start of the command line would wait for it

    return wrapped(text, shutil.get_terminal_size().columns)


def leads_to(stream: TextIO | None, descriptor: int) -> bool:
    """Return whether a stream writes to the descriptor; that of a notebook or of a test does not."""
    try:
        return stream is not None and stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        return False
