"""The streams of Python copied into the output of a run, where descriptors must be left alone: in a notebook, in a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from taskloom.lifecycle.console import Console
from taskloom.lifecycle.output import Output


class Copies:
    """The streams of Python, copied into an output; what C code and children print passes by."""

    def __init__(self, output: Output, console: Console) -> None:
        self._output = output
        self._shows = not console.is_silent
        self._streams = (sys.stdout, sys.stderr)

    def start(self) -> None:
        """Put the copies in the place of the streams."""
        sys.stdout, sys.stderr = (
            _Copy(stream, self._output, self._shows) for stream in self._streams
        )

    def stop(self) -> None:
        """Put the streams back."""
        sys.stdout, sys.stderr = self._streams
        self._output.close(shows=False)

    def drain(self) -> None:
        """Do nothing: what was printed is there."""

    @contextmanager
    def released(self) -> Iterator[None]:
        """Do nothing: the streams have reached the reader all along."""
        yield

    def release(self) -> None:
        """Do nothing."""


class _Copy:
    """A stream that keeps what it passes on."""

    def __init__(self, stream: TextIO | None, output: Output, shows: bool) -> None:
        self._stream, self._output, self._shows = stream, output, shows

    def write(self, text: str) -> int:
        """Keep the text, and pass it on."""
        self._output.take(text.encode("utf-8", "surrogateescape"), shows=False)
        if self._stream is not None and self._shows:
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:  # noqa: ANN401 -- any iterable of texts
        """Keep the lines, and pass them on."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the stream has
        return getattr(self._stream, name)
