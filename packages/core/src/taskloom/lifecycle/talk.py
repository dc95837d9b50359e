"""Voice of a call from Python: the cell of a notebook, a person's terminal, or nothing at all.

A script whose stderr is a file or a pipe gets no line there that was not asked for; what a task itself prints is passed on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from taskloom.context import Progress
from taskloom.lifecycle.console import VOICE, Console, LiveConsole, PlainConsole
from taskloom.lifecycle.notebook import CellOutput, NotebookConsole, is_notebook
from taskloom.lifecycle.terminal import own_stderr
from taskloom.system.library_warnings import quiet_libraries


class Talk:
    """Voice of one call.

    Args:
        quiet: Whether to say nothing.

    Attributes:
        kind: `notebook` or `python`.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.kind = "notebook" if is_notebook() else "python"
        self._quiet = quiet
        self.cell = CellOutput() if self.kind == "notebook" and not quiet else None

    def say(self, text: str) -> None:
        """Tell a line to a person, if there is one."""
        if self.cell is not None:
            self.cell.say(text)
        elif not self._quiet and sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def console(self) -> Console:
        """Return the console of a run."""
        if self.cell is not None:
            return NotebookConsole(self.cell)
        stream = own_stderr()
        return LiveConsole(stream) if stream.isatty() else EchoConsole(stream)

    def close(self) -> None:
        """Leave the cell with its last lines."""
        if self.cell is not None:
            self.cell.close()


@contextmanager
def speaking(*, quiet: bool) -> Iterator[Talk]:
    """Give the block a voice."""
    talk = Talk(quiet=quiet)
    token = VOICE.set(talk)
    try:
        with quiet_libraries():
            yield talk
    finally:
        VOICE.reset(token)
        talk.close()


class EchoConsole(PlainConsole):
    """Console of a script: only what the task itself prints is shown."""

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
        yield _Uncounted()


class _Uncounted:
    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        del steps
