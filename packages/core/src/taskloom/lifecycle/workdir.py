"""Working directory of a run: that of the command which asked for it, and afterwards as it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskloom.errors import UsageError


@contextmanager
def working_in(folder: str | Path = "") -> Iterator[None]:
    """Work in a folder during the block, and come back whatever the block does.

    The working directory belongs to the whole process, so it is changed only where the folder is another one.

    Args:
        folder: The folder; empty for the current one.

    Raises:
        UsageError: There is no such folder any more.
    """
    before = _current()
    if folder and str(folder) != before:
        try:
            os.chdir(folder)
        except OSError as error:
            raise UsageError(
                f"The run was asked for in {folder}, which cannot be entered: {error.strerror}.",
                hint="name the folder that its relative paths mean: tasks resume RUN --cwd DIR",
            ) from None
    try:
        yield
    finally:
        if before and _current() != before:
            # A folder that the task removed cannot be returned to.
            with contextlib.suppress(OSError):
                os.chdir(before)


def _current() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""
