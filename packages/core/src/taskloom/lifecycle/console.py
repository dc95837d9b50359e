"""Display of a run: live on a terminal, plain lines elsewhere, nothing in workers. All on stderr."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from taskloom.context import Progress
from taskloom.digits import digits
from taskloom.lifecycle.bar import Pace, bar_line, clock, led, metrics_line
from taskloom.lifecycle.terminal import LossyStream, lossy, own_stderr, wrapped

if TYPE_CHECKING:
    from rich.console import RenderableType

_LINE_PERIOD = 2.0  # [s] between plain lines of metrics
_PROGRESS_PERIOD = 10.0  # [s] between plain lines of progress
_DRAW_PERIOD = 0.1  # [s] between updates of the live display


class Console(Protocol):
    """Destination of what a run prints.

    Attributes:
        is_silent: Whether nothing is shown.
        keeps_output: Whether what the task itself prints is captured, and so comes by `echo`.
        printed: What the task printed and its run's folder, which is not there yet, is to keep.
    """

    is_silent: bool
    keeps_output: bool
    printed: bytes

    def say(self, text: str, /) -> None:
        """Show a line, or several."""
        ...

    def metrics(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Show the newest metrics, perhaps; called for every logged line, so it must be cheap."""
        ...

    def progress(self, total: int | None, label: str, /) -> AbstractContextManager[Progress]:
        """Show a running count."""
        ...

    def echo(self, text: str, /) -> None:
        """Show what the task printed, as it comes: half a line, or many."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Keep off the terminal while the block runs, because a person answers there."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Voice(Protocol):
    """Way from a call to a person.

    Attributes:
        kind: Place of the call: `python` or `notebook`.
    """

    kind: str

    def say(self, text: str, /) -> None:
        """Tell a line, if there is a person."""
        ...

    def console(self) -> Console:
        """Return the console of a run."""
        ...


VOICE: ContextVar[Voice | None] = ContextVar("voice", default=None)
"""Voice of a call from Python; None on the command line and in workers."""


def open_console(
    *,
    quiet: bool = False,
    stream: TextIO | None = None,
    keeps_output: bool = True,
    lead: Sequence[str] = (),
) -> Console:
    """Return the console that fits: silent if asked, that of a call from Python, live on a terminal, plain lines elsewhere.

    Args:
        quiet: Show nothing.
        stream: Where to show it; stderr as it is now if None.
        keeps_output: Whether the run captures what its task prints.
        lead: Names of the metrics that a live display shows first.
    """
    console: Console
    voice = VOICE.get()
    if quiet:
        console = SilentConsole()
    elif voice is not None and stream is None:
        console = voice.console()
    else:
        target = own_stderr() if stream is None else lossy(stream)
        console = LiveConsole(target, lead) if _can_draw(target) else PlainConsole(target)
    console.keeps_output = keeps_output
    return console


def _can_draw(stream: LossyStream) -> bool:
    """Return whether a stream is a terminal that moves its cursor, and no one asked for plain text."""
    plain = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR")
    return stream.isatty() and not plain


def format_metrics(step: int, metrics: Mapping[str, float]) -> str:
    """Return `step=3 loss=0.25`."""
    return " ".join(
        [f"step={step}", *(f"{name}={digits(value, 4)}" for name, value in metrics.items())]
    )


class _Count:
    """Progress without a display."""

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        del steps


class SilentConsole:
    """Console without output, for workers and tests."""

    is_silent = True
    keeps_output = True
    printed = b""

    def say(self, text: str, /) -> None:
        """Swallow the text."""
        del text

    def metrics(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Swallow the metrics."""
        del step, metrics

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        """Count in silence."""
        del total, label
        yield _Count()

    def echo(self, text: str, /) -> None:
        """Swallow the text."""
        del text

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing."""
        yield

    def close(self) -> None:
        """Do nothing."""


class PlainConsole:
    """Plain lines, `key=value` for metrics, at most one every two seconds.

    Args:
        stream: Where to write.
    """

    is_silent = False
    keeps_output = True
    printed = b""

    def __init__(self, stream: TextIO | LossyStream) -> None:
        self._stream = lossy(stream)
        self._next = 0.0

    def say(self, text: str, /) -> None:
        """Write the text."""
        self.echo(text + "\n")

    def echo(self, text: str, /) -> None:
        """Write what the task printed."""
        self._stream.write(text)
        self._stream.flush()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do nothing: lines are in the way of no one."""
        yield

    def metrics(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Write a line of metrics if the last line is old enough."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_PERIOD
            self.say(format_metrics(step, metrics))

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        """Write a line now and then."""
        yield _PlainProgress(self, total, label)

    def close(self) -> None:
        """Let go of the stream; every line is already out."""
        self._stream.close()


class _PlainProgress:
    def __init__(self, console: PlainConsole, total: int | None, label: str) -> None:
        self._console, self._total, self._label = console, total, label
        self._pace, self._next = Pace(time.monotonic()), 0.0

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        now = time.monotonic()
        self._pace.advance(steps, now)
        if now >= self._next:
            self._next = now + _PROGRESS_PERIOD
            of_total = "" if self._total is None else f"/{self._total}"
            left = self._pace.left(self._total, now)
            rest = f", {clock(left)} left" if left else ""
            self._console.say(f"{self._label} {self._pace.done}{of_total}{rest}")


class LiveConsole:
    """One live display at the bottom of a terminal; everything said scrolls above it.

    Args:
        stream: The terminal.
        lead: Names of the metrics that are shown first.
    """

    is_silent = False
    keeps_output = True
    printed = b""

    def __init__(self, stream: TextIO | LossyStream, lead: Sequence[str] = ()) -> None:
        # rich costs 75 ms, which only a terminal gets something for.
        from rich.console import Console as RichConsole
        from rich.live import Live

        self._stream = lossy(stream)
        self._half_line = ""
        self._echoing = threading.Lock()
        self._console = RichConsole(file=cast("TextIO", self._stream))
        self._rows: list[_LiveProgress] = []
        self._lead = lead
        self._metrics: dict[str, float] = {}
        self._step: int | None = None
        self._is_plain = not (self._console.encoding or "").lower().startswith("utf")
        self._live = Live(
            get_renderable=self._lines,
            console=self._console,
            refresh_per_second=1 / _DRAW_PERIOD,
            transient=True,
            # Only stderr is ours: stdout carries data and must not pass through a display.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def say(self, text: str, /) -> None:
        """Print the text above the display."""
        shown = wrapped(text, self._console.width)
        self._console.print(shown, markup=False, highlight=False, soft_wrap=True)

    def metrics(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Keep the newest value of each metric for the line below the bars: the one that counts may come seldom."""
        self._metrics |= metrics
        self._step = step

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        """Show a bar, below those that are shown."""
        row = _LiveProgress(total, label)
        self._rows.append(row)
        self._live.start()
        try:
            yield row
        finally:
            # Once more: a loop that is over within a drawing has been shown, and so has the end of any other.
            self._live.refresh()
            self._rows.remove(row)
            if not self._rows:
                self._live.stop()

    def _lines(self) -> RenderableType:
        """Return the lines at the bottom, for the width that the terminal has now."""
        from rich.text import Text

        width = self._console.width
        lines = [row.line(width, is_plain=self._is_plain) for row in [*self._rows]]
        if self._step is not None and lines:
            lines.append(metrics_line(self._step, led(dict(self._metrics), self._lead), width))
        return Text("\n".join(line for line in lines if line), no_wrap=True, overflow="crop")

    def echo(self, text: str, /) -> None:
        """Print whole lines above the display; half a line waits for its end."""
        with self._echoing:
            lines, newline, rest = (self._half_line + text).rpartition("\n")
            self._half_line = rest
            if newline:
                self._console.out(lines, highlight=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Remove the display while the block runs."""
        is_shown = bool(self._rows)
        self._live.stop()
        self._end_line()
        try:
            yield
        finally:
            if is_shown and self._rows:
                self._live.start()

    def close(self) -> None:
        """Remove the display."""
        self._live.stop()
        self._end_line()
        self._stream.close()

    def _end_line(self) -> None:
        with self._echoing:
            if self._half_line:
                self._console.out(self._half_line, highlight=False)
            self._half_line = ""


class _LiveProgress:
    """One bar; counting is cheap, and the display asks for the line when it draws.

    Args:
        total: Units in all; None where that is not known.
        label: What is counted.
    """

    def __init__(self, total: int | None, label: str) -> None:
        self._total, self._label = total, label
        self._pace = Pace(time.monotonic())

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        self._pace.advance(steps, time.monotonic())

    def line(self, width: int, *, is_plain: bool) -> str:
        """Return the bar as it is now."""
        pace, now = self._pace, time.monotonic()
        return bar_line(
            self._label,
            pace.done,
            self._total,
            rate=pace.rate,
            left=pace.left(self._total, now),
            elapsed=now - pace.begun,
            width=width,
            is_plain=is_plain,
        )
