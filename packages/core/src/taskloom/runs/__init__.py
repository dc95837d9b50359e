"""Runs on disk: the folder is the record, and everything else can be rebuilt from it.

This package is also the function `taskloom.runs(...)`, which lists them: Python binds the name of a package in its parent.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from taskloom.lazy import lazy_names
from taskloom.registry.isolate import load_target

if TYPE_CHECKING:
    from taskloom.runs.layout import (
        RunLayout as RunLayout,
        default_store as default_store,
        inside as inside,
        new_id as new_id,
    )
    from taskloom.runs.record import Failure as Failure, RunRecord as RunRecord
    from taskloom.runs.run import (
        Run as Run,
        find_run as find_run,
        list_runs as list_runs,
        open_run as open_run,
        scan as scan,
    )

# Lazily: the reader of records needs a module of this package, and this package the reader.
_HOME_OF = {
    **dict.fromkeys(("RunLayout", "default_store", "inside", "new_id"), "taskloom.runs.layout"),
    **dict.fromkeys(("Failure", "RunRecord"), "taskloom.runs.record"),
    **dict.fromkeys(("Run", "find_run", "list_runs", "open_run", "scan"), "taskloom.runs.run"),
}

__all__ = list(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll] -- built from the table above

__getattr__, __dir__ = lazy_names("taskloom.runs", _HOME_OF)


class _Listing(ModuleType):
    """The module, which can be called."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 -- those of `taskloom.listing.runs`
        """Return the runs of a store; see `taskloom.listing.runs`."""
        listed: Any = load_target("taskloom.listing:runs")
        return listed(*arguments, **named)


sys.modules[__name__].__class__ = _Listing
