"""Display of what goes on in a notebook: one output of the cell, rewritten at most four times a second."""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from taskloom.context import Progress
from taskloom.digits import digits

PERIOD = 0.25  # [s] between drawings
_LINES = 6
_MOST_METRICS = 6


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


@dataclass
class _Bar:
    """Progress that is shown.

    Attributes:
        label: What is counted.
        total: How many there will be; None where that is not known.
        done: How many there are.
        begun: When it began, by the monotonic clock [s].
    """

    label: str
    total: int | None
    done: int
    begun: float

    def text(self, now: float) -> str:
        """Return `steps 3/10, 4 s left`."""
        if self.total is None:
            return f"{self.label} {self.done}"
        left = (now - self.begun) / self.done * (self.total - self.done) if self.done else None
        ends = f", {left:.0f} s left" if left is not None and self.done < self.total else ""
        return f"{self.label} {self.done}/{self.total}{ends}"


class CellOutput:
    """The one output: the last lines that were said, progress, the newest metrics."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bars: list[_Bar] = []
        self._metrics = ""
        self._handle: Any = None
        self._next = 0.0
        self._lock = threading.RLock()

    def say(self, text: str) -> None:
        """Show a line, or several; the oldest ones go."""
        with self._lock:
            self._lines = [*self._lines, *text.splitlines()][-_LINES:]
            self._draw()

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show the newest metrics."""
        if self._is_due():
            shown = list(metrics.items())[:_MOST_METRICS]
            words = [f"step={step}", *(f"{name}={digits(value, 4)}" for name, value in shown)]
            with self._lock:
                self._metrics = " ".join(words)
                self._draw()

    @contextmanager
    def bar(self, total: int | None, label: str) -> Iterator[Progress]:
        """Show a bar while the block runs."""
        bar = _Bar(label, total, 0, time.monotonic())
        with self._lock:
            self._bars.append(bar)
        try:
            yield _Advance(self, bar)
        finally:
            with self._lock:
                self._bars.remove(bar)

    def advanced(self) -> None:
        """Draw, if it is time."""
        if self._is_due():
            with self._lock:
                self._draw()

    def close(self) -> None:
        """Draw what is left: the last lines, without bars."""
        with self._lock:
            self._metrics = ""
            if self._handle is not None:
                self._draw()

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PERIOD
        return True

    def _draw(self) -> None:
        # The kernel that this process is has it.
        display: Any = import_module("IPython.display").display
        now = time.monotonic()
        texts = [bar.text(now) for bar in self._bars]
        plain = "\n".join([*self._lines, *texts, *([self._metrics] if self._metrics else [])])
        shown = {"text/plain": plain, "text/html": self._html(texts)}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def _html(self, texts: list[str]) -> str:
        parts = [f"<div>{html.escape(line)}</div>" for line in self._lines]
        for bar, text in zip(self._bars, texts, strict=True):
            value = "" if bar.total is None else f' max="{bar.total or 1}" value="{bar.done}"'
            parts.append(f"<div><progress{value}></progress> {html.escape(text)}</div>")
        if self._metrics:
            parts.append(f"<div>{html.escape(self._metrics)}</div>")
        return f'<div style="font-family:monospace;white-space:pre-wrap">{"".join(parts)}</div>'


class _Advance:
    def __init__(self, output: CellOutput, bar: _Bar) -> None:
        self._output, self._bar = output, bar

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        self._bar.done += steps
        self._output.advanced()


class NotebookConsole:
    """Console of a run in a notebook; what the task prints goes to the cell by itself.

    Args:
        output: Where to show it.
    """

    is_silent = False
    keeps_output = True
    printed = b""

    def __init__(self, output: CellOutput) -> None:
        self._output = output

    def say(self, text: str, /) -> None:
        """Show the text."""
        self._output.say(text)

    def echo(self, text: str, /) -> None:
        """Do nothing: the streams of a notebook are copied, not taken away."""
        del text

    def metrics(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Show the newest metrics."""
        self._output.metrics(step, metrics)

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        """Show a bar."""
        with self._output.bar(total, label) as bar:
            yield bar

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: a question appears below the cell."""
        yield

    def close(self) -> None:
        """Do nothing: the call that opened the output closes it."""
