"""A process as it was before: a run in a session leaves nothing behind but its folder."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from taskloom.system.processes import STOP_SIGNALS


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back after the block: working directory, `sys.argv`, warnings filters, signal handlers, global random states."""
    is_main = threading.current_thread() is threading.main_thread()
    folder, argv = _folder(), list(sys.argv)
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    states = _random_states()
    try:
        # The filters belong to all threads: put back from two of them, they would be those of neither.
        with warnings.catch_warnings() if is_main else contextlib.nullcontext():
            yield
    finally:
        if folder and _folder() != folder:
            with contextlib.suppress(OSError):
                os.chdir(folder)
        sys.argv[:] = argv
        if is_main:
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
        _restore(states)


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _random_states() -> dict[str, Any]:
    """Return the state of each hidden generator whose library is loaded: a task may seed it."""
    found: dict[str, Any] = {}
    for name, read, _ in _GENERATORS:
        module = sys.modules.get(name)
        reader = getattr(module, read, None)
        if reader is not None:
            found[name] = reader()
    return found


def _restore(states: dict[str, Any]) -> None:
    for name, _, write in _GENERATORS:
        if name in states:
            getattr(sys.modules[name], write)(states[name])


_GENERATORS = (
    ("random", "getstate", "setstate"),
    ("numpy.random", "get_state", "set_state"),
    ("torch", "get_rng_state", "set_rng_state"),
)
