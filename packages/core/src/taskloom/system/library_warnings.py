"""Warnings of libraries about their own code: into the log of a call from Python, and not below a cell or onto a script's stderr.

A domain imports its back-ends for its user, who can do nothing about a progress bar that lacks a widget. A warning about the
user's own code goes where it would have gone.
"""

from __future__ import annotations

import logging
import os
import sysconfig
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TextIO

_log = logging.getLogger(__name__)
_FOLDERS = ("site-packages", "dist-packages")


@dataclass
class _State:
    """Calls of this process that keep warnings off at the moment, and the function that showed warnings before them."""

    calls: int = 0
    before: Callable[..., Any] = warnings.showwarning


_STATE = _State()
_LOCK = threading.Lock()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Log what is warned of in the files of libraries while the block runs, in every thread."""
    with _LOCK:
        if not _STATE.calls:
            _STATE.before = warnings.showwarning
            warnings.showwarning = _show
        _STATE.calls += 1
    try:
        yield
    finally:
        with _LOCK:
            _STATE.calls -= 1
            # Another call may end later; and what other code has put there meanwhile is not ours to remove.
            if not _STATE.calls and warnings.showwarning is _show:
                warnings.showwarning = _STATE.before


def _show(  # noqa: PLR0917 -- as `warnings.showwarning`
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if is_of_library(filename):
        _log.info("%s", warnings.formatwarning(message, category, filename, lineno, line).rstrip())
    else:
        _STATE.before(message, category, filename, lineno, file, line)


def is_of_library(file: str) -> bool:
    """Return whether a file that a warning names is one of Python or of an installed library.

    Args:
        file: Its path; a machine's own name for a place of code, such as `<frozen importlib._bootstrap>` or `sys`.
    """
    if file.startswith("<frozen ") or file == "sys":
        return True
    parts = file.replace("\\", "/").split("/")
    return any(name in parts for name in _FOLDERS) or file.startswith(_standard())


@cache
def _standard() -> str:
    return os.path.join(sysconfig.get_path("stdlib"), "")
