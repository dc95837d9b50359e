"""Hides what macOS or Windows lack from modules of ours, and from no other: the variable HIDDEN_PROFILE is `mac` or `win`.

Names cannot be deleted from `os` itself: the standard library needs them. So whatever a module whose name begins with `taskloom`
imports as `os`, `signal` or `sys` is a view without them, and modules that the system lacks are not found. A folder on
PYTHONPATH that holds this file puts it into every process that a test starts.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import lacking

HIDDEN: Mapping[str, Mapping[str, frozenset[str]]] = {
    "mac": {"os": lacking.OS_NOT_ON_MAC},
    "win": {
        "os": lacking.OS_NOT_ON_MAC | lacking.OS_NOT_ON_WINDOWS,
        "signal": lacking.SIGNAL_NOT_ON_WINDOWS,
    },
}


def _kill_of_windows(pid: int, signum: int) -> None:
    """End the process at once, which is what os.kill means there."""
    os.kill(pid, signal.SIGKILL if signum == signal.SIGTERM else signum)


def _without_dir_fd(name: str) -> Any:  # noqa: ANN401 -- of whatever os has
    real = getattr(os, name)

    def call(*arguments: object, **options: Any) -> object:  # noqa: ANN401
        if options.pop("dir_fd", None) is not None:
            raise NotImplementedError("dir_fd unavailable on this platform")
        return real(*arguments, **options)

    return call


CHANGED: Mapping[str, Mapping[str, Any]] = {
    "os": {
        "name": "nt",
        "kill": _kill_of_windows,
        "supports_dir_fd": set(),
        **{name: _without_dir_fd(name) for name in ("open", "stat", "unlink", "rename", "mkdir")},
    }
}


# A marker is taken from a dead holder once it has not changed for this long [s]; tests wait for two fifths of it.
SHORTER = {"taskloom.runs.holders": {"LEASE": 24.0}, "taskloom.runs.locks": {"HEARTBEAT": 8.0}}


class View(ModuleType):
    """A module as it is on another system.

    Args:
        module: The module here.
        hidden: Names that it lacks there.
        changed: What it has there under another meaning.
    """

    def __init__(
        self, module: ModuleType, hidden: frozenset[str], changed: Mapping[str, Any]
    ) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(_module=module, _hidden=hidden, _changed=changed)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in self.__dict__["_hidden"]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        changed = self.__dict__["_changed"]
        return changed[name] if name in changed else getattr(self.__dict__["_module"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_module"], name, value)


def hide(profile: str) -> None:
    """Hide what the system of that profile lacks, from now on."""
    hidden = HIDDEN[profile]
    changed = CHANGED if profile == "win" else {}
    views = {
        module.__name__: View(
            module, hidden.get(module.__name__, frozenset()), changed.get(module.__name__, {})
        )
        for module in (os, signal, sys)
    }
    real = builtins.__import__

    def importing(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if not level and _is_ours(globals):
            if name in lacking.MODULES_OF_POSIX:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in views:
                return views[name]
        module = real(name, globals, locals, fromlist, level)
        if name in SHORTER and fromlist:
            vars(module).update(SHORTER[name])
        return module

    builtins.__import__ = importing
    sys.addaudithook(_without_proc)


def _is_ours(names: Mapping[str, Any] | None) -> bool:
    name = str((names or {}).get("__name__"))
    if name == "__main__":  # as of `python -m taskloom.execute`
        name = str(getattr((names or {}).get("__spec__"), "name", ""))
    return name.startswith("taskloom")


def _without_proc(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and str(arguments[0]).startswith("/proc/"):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


if os.environ.get("HIDDEN_PROFILE"):
    hide(os.environ["HIDDEN_PROFILE"])
