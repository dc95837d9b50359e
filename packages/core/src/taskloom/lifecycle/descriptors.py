"""Descriptors 1 and 2 of this process as a pipe into the output of a run, and back again."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from taskloom.lifecycle.console import Console
from taskloom.lifecycle.output import Output
from taskloom.system.descriptors import open_if_closed

_PATIENCE = 5.0  # [s] for the thread to read what is in the pipe
_CHUNK = 65536


class Descriptors:
    """Descriptors 1 and 2 as a pipe into an output."""

    def __init__(self, output: Output, console: Console) -> None:
        self._output, self._console = output, console
        self._streams = (sys.stdout, sys.stderr)
        self._mark = b"\0" + secrets.token_bytes(16)
        self._read_all = threading.Event()
        self._saved: list[int] = []
        self._reader = self._writer = -1
        self._released = 0
        self._settings: list[dict[str, Any]] = []

    def start(self) -> None:
        """Lead the descriptors into the pipe."""
        _flush()
        for number in (1, 2):
            open_if_closed(number)
        self._saved = [os.dup(1), os.dup(2)]
        self._reader, self._writer = os.pipe()
        self._settings = [_settings_of(stream) for stream in self._streams]
        self._into_pipe()
        thread = threading.Thread(target=self._read, args=(self._reader,), daemon=True)
        thread.name = "taskloom-output"
        thread.start()

    def stop(self) -> None:
        """Give the descriptors back, even if the task closed them, and read what is left in the pipe."""
        self._into_terminal()
        for number in self._saved:
            os.close(number)
        self._finish()
        self._output.close()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the terminal back while the block runs."""
        self._released += 1
        try:
            with self._console.paused():
                if self._released == 1:
                    self.drain()
                    self._into_terminal()
                    if not os.isatty(1):  # a prompt is talk, and stdout holds data
                        os.dup2(self._saved[1], 1)
                yield
        finally:
            self._released -= 1
            if not self._released:
                self._into_pipe()

    def release(self) -> None:
        """Give the terminal back for the rest of the run."""
        if not self._released:
            self._released = 1
            self.drain()
            self._output.take(
                b"[a debugger was opened: from here on the output went to the terminal]\n",
                shows=False,
            )
            self._into_terminal()

    def _into_pipe(self) -> None:
        _flush()
        for stream in self._streams:
            # A watcher sees each line at once, and a character that a terminal lacks must not end a run. This comes first:
            # a stream that led to a file asks it for its position, which a pipe has not.
            _reconfigure(stream, encoding="utf-8", errors="backslashreplace", line_buffering=True)
        os.dup2(self._writer, 1)
        os.dup2(self._writer, 2)

    def _into_terminal(self) -> None:
        _flush()
        for number, saved in zip((1, 2), self._saved, strict=True):
            os.dup2(saved, number)
        for name, number, stream, settings in zip(
            ("stdout", "stderr"), (1, 2), self._streams, self._settings, strict=True
        ):
            usable = stream
            if stream is not None and stream.closed:
                copy = os.dup(number)
                usable = os.fdopen(
                    copy, "w", encoding="utf-8", errors="backslashreplace", newline="\n"
                )
            elif settings:
                _reconfigure(stream, **settings)
            setattr(sys, name, usable)
        self._streams = (sys.stdout, sys.stderr)

    def drain(self) -> None:
        """Wait until everything that has been printed is read."""
        _flush()
        self._read_all.clear()
        with contextlib.suppress(OSError):
            os.write(self._writer, self._mark)
            self._read_all.wait(_PATIENCE)

    def _finish(self) -> None:
        self.drain()
        # A child that outlives the run may still print: the thread goes on reading for it until it ends.
        os.close(self._writer)

    def _read(self, reader: int) -> None:
        pending = b""
        while data := os.read(reader, _CHUNK):
            *before, pending = (pending + data).split(self._mark)
            for piece in before:
                self._take(piece)
                self._read_all.set()
            cut = _cut_before(pending, self._mark)
            self._take(pending[:cut])
            pending = pending[cut:]
        self._take(pending)
        self._read_all.set()
        os.close(reader)

    def _take(self, data: bytes) -> None:
        if data:
            with contextlib.suppress(Exception):  # a full disk must not block what the run prints
                self._output.take(data)


def _settings_of(stream: TextIO | None) -> dict[str, Any]:
    if stream is None or not hasattr(stream, "reconfigure"):
        return {}
    return {
        "encoding": stream.encoding,
        "errors": stream.errors,
        "line_buffering": stream.line_buffering,
    }


def _reconfigure(stream: TextIO | None, **settings: Any) -> None:  # noqa: ANN401 -- those of the stream
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        with contextlib.suppress(OSError, ValueError):
            reconfigure(**settings)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]  # None where there is no such stream
    if "ctypes" in sys.modules:
        # A C library writes into a buffer of its own, which it would empty after the descriptors have moved.
        with contextlib.suppress(Exception):
            sys.modules["ctypes"].CDLL(None).fflush(None)


def _cut_before(data: bytes, mark: bytes) -> int:
    """Return where the end of the data may be the beginning of a mark."""
    for start in range(max(0, len(data) - len(mark) + 1), len(data)):
        if mark.startswith(data[start:]):
            return start
    return len(data)
