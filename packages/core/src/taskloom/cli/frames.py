"""The place in a plugin, or in a file of the user, from which an error came that no one foresaw."""

from __future__ import annotations

import os
from types import FrameType

from taskloom.own import is_own
from taskloom.registry.installed import plugin_packages

_INSTALLED = ("site-packages", "dist-packages")


def foreign_place(error: BaseException) -> str:
    """Return `FILE:LINE` of the innermost frame that belongs to a plugin or to the user; empty if none does.

    Libraries are neither: a plugin or taskloom has called them.
    """
    found, trace, plugins = "", error.__traceback__, plugin_packages()
    while trace is not None:
        if _is_foreign(trace.tb_frame, plugins):
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _is_foreign(frame: FrameType, plugins: set[str]) -> bool:
    root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if is_own(root):
        return False
    file = frame.f_code.co_filename
    if file.startswith("<") or (root == "__main__" and os.path.basename(file) == "tasks"):
        return False
    return root in plugins or not any(part in _INSTALLED for part in file.split(os.sep))
