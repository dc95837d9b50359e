"""Importing what a plugin names, so that nothing it does at import can end or hang the program.

A plugin may raise anything, `SystemExit` included, print to stdout, or never come back. All of it becomes one sentence.
Only Ctrl-C passes through. (A plugin that calls `os._exit` or crashes the interpreter cannot be contained in-process.)
"""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from importlib import import_module

from taskloom.errors import PluginError
from taskloom.system.processes import interrupting

MANIFEST_SECONDS = 2.0
"""How long the manifest of a third party may take to import [s]; `TASKLOOM_PLUGIN_SECONDS` overrides it."""


class _TookTooLongError(BaseException):
    """Raised inside a plugin by the alarm; no `except Exception` of the plugin catches it."""


def load_target(target: str, *, what: str = "", seconds: float = 0.0) -> object:
    """Import `"package.module:attribute"` and return the attribute; `"package.module"` returns the module.

    Args:
        target: Where it is; the attribute may be dotted.
        what: How messages call it; the target itself if empty.
        seconds: Time limit [s]; 0 means none.

    Raises:
        PluginError: It cannot be imported, or there is no such attribute; the message is one sentence.
    """
    what = what or f"'{target}'"
    module_name, _, attribute = target.partition(":")
    if not module_name or target.endswith(":"):
        raise PluginError(
            f"{what} cannot be loaded: '{target}' is not of the form 'package.module:attribute'."
        )
    try:
        late = _TookTooLongError(f"importing it took longer than {seconds:g} s")
        told = partial(
            sys.stderr.write, f"note: importing {what} takes longer than {seconds:g} s\n"
        )
        with contextlib.redirect_stdout(sys.stderr), interrupting(seconds, late, told):
            found: object = import_module(module_name)
            for name in attribute.split(".") if attribute else ():
                found = getattr(found, name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if os.environ.get("TASKLOOM_STRICT_PLUGINS") == "1" and isinstance(error, Exception):
            raise  # debugging a plugin needs its traceback
        raise PluginError(f"{what} cannot be loaded: {describe(error)}.") from error
    return found


def manifest_seconds() -> float:
    """Return the time limit for a third party's manifest [s]."""
    try:
        return float(os.environ.get("TASKLOOM_PLUGIN_SECONDS", MANIFEST_SECONDS))
    except ValueError:
        return MANIFEST_SECONDS


def describe(error: BaseException) -> str:
    """Return an exception as one line: its class and its first line of text."""
    if isinstance(error, _TookTooLongError):
        return str(error)
    lines = str(error).strip().splitlines()
    text = lines[0].rstrip(".") if lines else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
