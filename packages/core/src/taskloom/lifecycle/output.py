"""Output of a run: kept in its folder, shown on its console."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taskloom.lifecycle.console import Console
from taskloom.lifecycle.output_file import OutputFile, SharedFile


def _nothing() -> None:
    """Wait for nothing: nothing is captured."""


class Output:
    """Output of a run.

    Attributes:
        not_kept: The reason why it is not kept; empty if it is.
        settle: Waits until everything that has been printed is in the file.
    """

    def __init__(
        self, console: Console, not_kept: str = "", file: OutputFile | SharedFile | None = None
    ) -> None:
        self.not_kept = not_kept
        self.settle: Callable[[], None] = _nothing
        self._file = file or OutputFile()
        self._console = console

    def keep(self, path: Path) -> None:
        """Keep it in this file, what has been printed before included."""
        if not self.not_kept:
            self._file.keep(path)

    def take(self, data: bytes, *, shows: bool = True) -> None:
        """Take what was printed, and show it."""
        done = self._file.write(data)
        if shows:
            self.show(done)

    def taken(self) -> bytes:
        """Return what was printed and has no file yet."""
        return self._file.taken()

    def show(self, data: bytes) -> None:
        """Show output on the terminal."""
        if data:
            self._console.echo(data.decode("utf-8", "backslashreplace"))

    def close(self, *, shows: bool = True) -> None:
        """Write what was held back, and close the file."""
        rest = self._file.close()
        if shows:
            self.show(rest)
