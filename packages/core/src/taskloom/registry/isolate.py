"""Importing what a plugin names, so that nothing it does at import can end or hang the program.

A plugin may raise anything, `SystemExit` included, print to stdout, or never come back. All of it becomes one sentence.
Only Ctrl-C passes through, and a KeyboardInterrupt is one only if a signal came. (A plugin that crashes the interpreter cannot
be contained in-process; `tasks doctor --plugins` finds it, see `taskloom.registry.apart`.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import FrameType
from typing import TypeVar

from taskloom.errors import PluginError
from taskloom.system.processes import interrupting

T = TypeVar("T")

MANIFEST_SECONDS = 2.0
"""Longest time that the import of a third party's manifest may last [s]; `TASKLOOM_PLUGIN_SECONDS` overrides it."""


class _TookTooLongError(BaseException):
    """Raised inside a plugin by the alarm; no `except Exception` of the plugin catches it."""


class EndsProcessError(BaseException):
    """Raised in place of the end of the process; no `except Exception` of the plugin catches it."""


class _NoTargetError(Exception):
    """A target that has not the form of one."""


class _Interrupts:
    """Record of Ctrl-C: a plugin may raise KeyboardInterrupt too, which is then no wish of the user's."""

    def __init__(self) -> None:
        self.came = False

    @contextlib.contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice SIGINT in the block, and let it do what it would have done."""
        previous = signal.getsignal(signal.SIGINT)
        if not callable(previous):  # ignored, or not Python's
            yield
            return

        def notice(signum: int, frame: FrameType | None) -> object:
            self.came = True
            return previous(signum, frame)

        try:
            signal.signal(signal.SIGINT, notice)
        except ValueError:  # only the main thread may set a handler, and only it is interrupted
            yield
            return
        try:
            yield
        finally:
            if signal.getsignal(signal.SIGINT) is notice:
                signal.signal(signal.SIGINT, previous)


def load_target(target: str, *, what: str = "", seconds: float = 0.0) -> object:
    """Import `"package.module:attribute"` and return the attribute; `"package.module"` returns the module.

    Args:
        target: Where it is; the attribute may be dotted.
        what: How messages call it; the target itself if empty.
        seconds: Time limit [s]; 0 means none.

    Raises:
        PluginError: It cannot be imported, or there is no such attribute; the message is one sentence.
    """
    return guarded(lambda: imported(target), what or f"'{target}'", seconds)


def guarded(work: Callable[[], T], what: str, seconds: float = 0.0) -> T:
    """Call what runs a plugin's code, and return what it returns.

    Args:
        work: The function to call.
        what: How messages call what it loads.
        seconds: Time limit [s]; 0 means none.

    Raises:
        PluginError: It raised something, or took too long; the message is one sentence.
        KeyboardInterrupt: The user pressed Ctrl-C meanwhile.
    """
    interrupts = _Interrupts()
    late = _TookTooLongError(f"importing it took longer than {seconds:g} s")
    told = partial(sys.stderr.write, f"note: importing {what} takes longer than {seconds:g} s\n")
    try:
        with (
            contextlib.redirect_stdout(sys.stderr),
            interrupts.noticed(),
            interrupting(seconds, late, told),
        ):
            return work()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and interrupts.came:
            raise
        if os.environ.get("TASKLOOM_STRICT_PLUGINS") == "1" and isinstance(error, Exception):
            raise  # debugging a plugin needs its traceback
        raise PluginError(f"{what} cannot be loaded: {describe(error)}.") from error


def imported(target: str) -> object:
    """Import `"package.module:attribute"` and return the attribute, with no guard around it."""
    module_name, _, attribute = target.partition(":")
    if not module_name or target.endswith(":"):
        raise _NoTargetError(f"'{target}' is not of the form 'package.module:attribute'")
    found: object = import_module(module_name)
    for name in attribute.split(".") if attribute else ():
        found = getattr(found, name)
    return found


def manifest_seconds() -> float:
    """Return the time limit for a third party's manifest [s]."""
    try:
        return float(os.environ.get("TASKLOOM_PLUGIN_SECONDS", MANIFEST_SECONDS))
    except ValueError:
        return MANIFEST_SECONDS


def describe(error: BaseException) -> str:
    """Return an exception as one line: its class and its first line of text."""
    try:
        lines = str(error).strip().splitlines()
    except BaseException:  # an exception of a plugin may fail to describe itself
        lines = []
    text = lines[0].rstrip(".") if lines else ""
    if isinstance(error, _TookTooLongError | _NoTargetError | EndsProcessError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
