"""Writing what a verb was asked to write, or one sentence why not."""

from __future__ import annotations

from pathlib import Path

import typer
from taskloom.errors import StoreError, UsageError


def check_writable(option: str, path: Path | None) -> None:
    """Refuse a path whose folder does not exist before minutes are spent on what would be written there.

    Raises:
        UsageError: The folder is missing, or the path is a folder itself.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option} '{path}' is a folder; give a file")
    if not path.parent.is_dir():
        raise UsageError(f"{option} '{path}' cannot be written: there is no folder '{path.parent}'")


def write_output(option: str, path: Path, data: str | bytes) -> None:
    """Write a file and say so, on standard error: standard output is for what was asked.

    Raises:
        StoreError: It cannot be written.
    """
    try:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise StoreError(f"{option} '{path}' cannot be written: {error.strerror}") from None
    typer.echo(f"written: {path}", err=True)
