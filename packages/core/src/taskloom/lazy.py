"""Public names of a package that are imported when they are first used: a listing must not pay for NumPy or torch."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # type checkers know the name; the modules for types cost more than this one
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.machinery import ModuleSpec
    from typing import Any


def lazy_names(
    package: str, home_of: Mapping[str, str], other_names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package (PEP 562).

    Args:
        package: Its name.
        home_of: The module in which each public name lives.
        other_names: What some of them are called there.
    """
    aliases = other_names or {}

    def get(name: str) -> Any:  # noqa: ANN401 -- a module attribute may be anything
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        from importlib import import_module  # not paid for by the import of the package

        return getattr(import_module(home_of[name]), aliases.get(name, name))

    return get, lambda: list(sys.modules[package].__all__)


class MovedModules:
    """Finder of modules at their old paths, for the end of `sys.meta_path`; see `taskloom.moved`."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a stand-in for a module of ours that has moved, or None."""
        del path, target
        if not name.startswith("taskloom_"):
            return None
        from taskloom.moved import spec_of

        return spec_of(name)
