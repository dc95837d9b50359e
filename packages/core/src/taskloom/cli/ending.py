"""The end of a command's process, which no thread or callback of a plugin delays."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
from collections.abc import Sequence

from taskloom.own import foreign_threads

_READ_ONLY = frozenset({"list", "info", "doctor", "runs", "view", "--version"})
_PATIENCE = 2.0  # [s] for threads that manifests started


def end_process(words: Sequence[str], code: int) -> None:
    """End the process at once after a command that only reads; else return, with no foreign thread left to wait for.

    Args:
        words: The command line.
        code: Its exit code.
    """
    if not words or words[0] in _READ_ONLY or "--help" in words or "-h" in words:
        _leave(code)
    deadline = time.monotonic() + _PATIENCE
    for thread in foreign_threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in foreign_threads):
        atexit._run_exitfuncs()
        _leave(code)


def _leave(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
