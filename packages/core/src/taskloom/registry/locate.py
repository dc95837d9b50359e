"""Check that an entry point leads somewhere, without executing a line of the plugin."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec


def what_is_missing(target: str) -> str:
    """Return what a `"package.module:attribute"` lacks, as a clause; an empty string when nothing visible is wrong.

    The module is looked up through the import system's finders and its compiled code is read, not run: an attribute that
    the module's top level never mentions cannot be there, unless the module computes names (`__getattr__`, `import *`).
    """
    module_name, _, attribute = target.partition(":")
    if not (module_name and attribute):
        return f"'{target}' is not of the form 'package.module:attribute'"
    try:
        spec = _find(module_name)
        if spec is None:
            return f"there is no module '{module_name}'"
        names = _names_of(spec)
    except Exception as error:  # a finder or the compiler met a broken file
        return f"module '{module_name}' cannot be read: {type(error).__name__}: {error}"
    first = attribute.split(".")[0]
    if names is None or first in names or "__getattr__" in names or "*" in names:
        return ""
    return f"module '{module_name}' has no '{first}'"


def _find(module_name: str) -> ModuleSpec | None:
    """Find a module's spec; `importlib.util.find_spec` would import the parent packages."""
    parts = module_name.split(".")
    path: list[str] | None = None
    spec: ModuleSpec | None = None
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        found = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((candidate for candidate in found if candidate is not None), None)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return spec


def _names_of(spec: ModuleSpec) -> frozenset[str] | None:
    """Return the names that the module's top level mentions, or None when they cannot be known."""
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if code is None:  # an extension module
        return None
    # `from x import *` leaves the constant ('*',) in the code.
    star = {"*"} if ("*",) in code.co_consts else set()
    return frozenset({*code.co_names, *star})
