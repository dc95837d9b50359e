"""Old import paths: a module or a name that has moved is still found, with one warning a process.

Every package of taskloom lists what has moved in the table `MOVED` of its module `compat.moved` (core: `taskloom.compat.moved`):

    MOVED = {
        "taskloom_control.physics": "taskloom_control.mjcf.physics",
        "taskloom_control.optimizers.config": {"Mppi": "taskloom_control.optimizers.mppi:MPPI"},
    }

A module with one new home maps to it; a module whose names went to several places maps each name to `module:name`, and the
name `*` to the module that has the rest. A module that is still there lists the names that left it, and says
`__getattr__ = moved_names(__name__)`. Paths stay for two minor versions.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    # By its methods only: the abstract class would bring in `importlib.resources`.
    from importlib.abc import Loader

Homes: TypeAlias = "str | Mapping[str, str]"
"""The new home of a module, or of each of its names."""

_warned = False


def moved_names(old: str, homes: Homes | None = None) -> Callable[[str], Any]:
    """Return a `__getattr__` for the module `old` (PEP 562) that finds names in their new homes and warns once.

    A module that is still there needs this: the finder is asked for missing modules only.

    Args:
        old: The old path of the module.
        homes: Its new home, or those of its names; by default its row of the table, which is read when a name is first missed.
    """

    def get(name: str) -> Any:  # noqa: ANN401 -- a module attribute may be anything
        # `__path__` and the like are questions of the import system, not names that anyone moved.
        found_in = {} if name.startswith("__") else (homes or _homes_of(old) or {})
        target = (
            found_in if isinstance(found_in, str) else found_in.get(name, found_in.get("*", ""))
        )
        if not target:
            raise AttributeError(f"module '{old}' has no attribute '{name}'")
        module, _, attribute = target.partition(":")
        found = getattr(import_module(module), attribute or name)
        _warn(f"{old}.{name}", f"{module}.{attribute or name}")
        return found

    return get


def spec_of(module: str) -> ModuleSpec | None:
    """Return the spec of a module that stands in for a moved one, or None if no table has it.

    The finder that asks is the last on `sys.meta_path`, so a module that exists never comes here.
    """
    homes = _homes_of(module)
    if homes is None:
        return None
    # A stand-in is a package where a table has rows below it: `taskloom_x.old` for `taskloom_x.old.part`.
    return ModuleSpec(module, cast("Loader", _Loader(homes)), is_package=True)


class _Loader:
    """Loader of a stand-in, which finds each name in its new home when it is first used.

    Args:
        homes: The new homes.
    """

    def __init__(self, homes: Homes) -> None:
        self._homes = homes

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system to make the module."""
        del spec

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its `__getattr__`."""
        vars(module)["__getattr__"] = moved_names(module.__name__, self._homes)


def _homes_of(module: str) -> Homes | None:
    package = module.partition(".")[0]
    table = f"{package}.compat.moved"
    # The tables themselves are asked for below: without this a package that has none would be looked for for ever.
    if module in (package, f"{package}.compat", table):
        return None
    try:
        moved: Mapping[str, Homes] = import_module(table).MOVED
    except ImportError:
        return None
    if module not in moved and any(old.startswith(f"{module}.") for old in moved):
        return {}
    return moved.get(module)


def _warn(old: str, new: str) -> None:
    """Warn at the line of the importer; `FutureWarning`, because others are not shown for installed plugins."""
    global _warned  # noqa: PLW0603 -- one warning a process is the contract
    if _warned:
        return
    _warned = True
    # Past this module to the line that asked; `warn` itself leaves out the frames of the import system.
    depth, frame = 2, sys._getframe(1)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith((__name__, "importlib", "taskloom.lazy")):
            break
        depth += not name.startswith("importlib")
        frame = frame.f_back
    warnings.warn(
        f"'{old}' has moved to '{new}'. Old paths work for two more minor versions; "
        "the page 'What moved' of the documentation lists all of them.",
        FutureWarning,
        stacklevel=depth,
    )
