"""Counted code: the packages of a task, of its domain and of the chosen components, and a few modules of core."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from taskloom.bound import BoundTask
from taskloom.errors import TaskloomError
from taskloom.registry.discovery import DOMAINS
from taskloom.registry.entries import Given
from taskloom.registry.installed import distributions, entry_points
from taskloom.registry.resolve import find_domain

CORE = "taskloom"
CORE_MODULES = ("seeding", "arrays", "statistics", "context")
"""The modules of core that compute something; the rest of core counts by its version."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Place of the code that counts for a task.

    Attributes:
        packages: Names of top-level modules whose code counts, with the distribution of each, or an empty text.
        folders: Folders in which every imported module counts, with a separator at the end.
        left_out: Modules that do not count, with everything below them: listings, reports, exports.
        given: Place of a task that is not installed: what lies directly in its folder counts, modules and packages.
    """

    packages: dict[str, str]
    folders: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    given: Given | None = None
    _known: dict[tuple[str, str], bool] = field(default_factory=dict, compare=False, repr=False)

    def count(self, module: str, file: str) -> bool:
        """Return whether a module counts."""
        key = (module, file)
        if key not in self._known:
            self._known[key] = self._count(module, file)
        return self._known[key]

    def _count(self, module: str, file: str) -> bool:
        top, _, rest = module.partition(".")
        if top == CORE:
            return rest.partition(".")[0] in CORE_MODULES
        # Asked of each of thousands of modules, several times in a run: most fail here.
        base = () if self.given is None else (f"{self.given.base}{os.sep}",)
        if top not in self.packages and not file.startswith((*self.folders, *base)):
            return False
        if any(module == name or module.startswith(f"{name}.") for name in self.left_out):
            return False
        if top in self.packages or self.is_beside(top, file):
            return True
        return any(
            file.startswith(folder) and "site-packages" not in file[len(folder) :]
            for folder in self.folders
        )

    def is_beside(self, top: str, file: str) -> bool:
        """Return whether a module is of the folder of a task that is not installed."""
        base = self.given.base if self.given is not None else ""
        is_below = bool(base) and file.startswith(f"{base}{os.sep}")
        return is_below and base_of(top)[0] == base and not owner_of(top)

    def folders_beside(self, top: str, file: str) -> list[str]:
        """Return the folders in which a further top-level module would count beside one that is imported."""
        base, is_package = base_of(top)
        is_own = not is_package or self.is_beside(top, file) or f"{base}{os.sep}" in self.folders
        return [base] if is_own and top != CORE else []


def roots_of(task: BoundTask[Any, Any]) -> Roots:
    """Return the roots of a task that is about to run."""
    domain = task.name.partition("/")[0]
    tops = {name.partition(".")[0] for name in _modules_of(task)}
    left_out: set[str] = set()
    try:
        manifest = find_domain(domain).ref
    except TaskloomError:  # a task that was made without a domain
        manifest = None
    for point in entry_points(DOMAINS) if manifest else ():
        if point.name == domain:
            module = point.target.partition(":")[0]
            top = module.partition(".")[0]
            if top != module:
                left_out |= {f"{top}.{name}" for name in manifest.uncounted} if manifest else set()
            elif top not in tops:
                left_out.add(top)  # a manifest of one module that holds nothing else
            tops.add(top)
    if task.given is not None:
        tops = {top for top in tops if top != "__main__" and base_of(top)[0] != task.given.base}
    packages: dict[str, str] = {}
    folders: list[str] = []
    for top in sorted(tops - {CORE, "builtins", *sys.stdlib_module_names} | {"__main__"} & tops):
        more, places = _spread(top)
        packages |= more
        folders += places
    return Roots(packages, tuple(dict.fromkeys(folders)), frozenset(left_out), task.given)


def _modules_of(task: BoundTask[Any, Any]) -> Iterator[str]:
    """Yield the modules that define a task, its config, its driver and its chosen components."""
    yield getattr(task.factory, "__module__", "") or ""
    if task.driver is not None:
        yield getattr(task.driver, "__name__", "")
    known = {name for distribution in _plugins() for name in distribution[1]}
    for cls in (type(task.task), *_classes(task.config)):
        yield cls.__module__
        # A base class counts if it is a plugin's; a framework's counts by its version.
        for base in cls.__mro__:
            if base.__module__.partition(".")[0] in known:
                yield base.__module__


def owner_of(top: str) -> str:
    """Return the plugin or distribution that a top-level module belongs to; empty for one of a file or of a session."""
    if _spread(top)[0][top]:
        return _spread(top)[0][top]
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return "installed" if not file or "site-packages" in file or _is_site(base_of(top)[0]) else ""


def _classes(value: object) -> Iterator[type]:
    if isinstance(value, BaseModel):
        yield type(value)
        for name in type(value).model_fields:
            yield from _classes(getattr(value, name))
    elif isinstance(value, list | tuple | set | frozenset | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _classes(item)


def _spread(top: str) -> tuple[dict[str, str], list[str]]:
    """Return the packages and folders that belong together with a top-level module."""
    name, tops, place = next(
        (
            (name, listed, place)
            for name, named, listed, place in _owned()
            if top in (*named, *listed)
        ),
        ("", (), ""),
    )
    packages = dict.fromkeys([top, *tops], name)
    folders = [place] if place else []
    file = getattr(sys.modules.get(top), "__file__", None)
    is_flat = file is not None and not hasattr(sys.modules[top], "__path__")
    if is_flat and not tops and file is not None and not _is_site(os.path.dirname(file)):
        folders.append(os.path.dirname(os.path.abspath(file)) + os.sep)
    return packages, folders


def _owned() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    """Yield name, modules in entry points, listed modules and editable folder of each plugin's distribution."""
    for name, named, folder in _plugins():
        yield (name, named, *_contents(folder))


def _plugins() -> list[tuple[str, tuple[str, ...], str]]:
    return [
        (found.name, _targets(found.text), found.folder)
        for found in distributions()
        if "taskloom" in found.text
    ]


def _targets(text: str) -> tuple[str, ...]:
    targets = (line.partition("=")[2].strip() for line in text.splitlines() if "=" in line)
    return tuple({target.partition(":")[0].partition(".")[0] for target in targets})


@cache
def _contents(folder: str) -> tuple[tuple[str, ...], str]:
    """Return the top-level modules that a distribution lists, and the folder of an editable one."""
    try:
        origin = json.loads(Path(folder, "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        origin = {}
    if isinstance(origin, dict) and origin.get("dir_info", {}).get("editable"):
        return (), unquote(urlsplit(str(origin.get("url", ""))).path).rstrip("/") + os.sep
    try:
        rows = Path(folder, "RECORD").read_text(encoding="utf-8").splitlines()
    except OSError:
        return (), ""
    files = [row.partition(",")[0] for row in rows]
    modules = (file.partition("/")[0].removesuffix(".py") for file in files if file.endswith(".py"))
    return tuple({name for name in modules if name.isidentifier()}), ""


def _is_site(folder: str) -> bool:
    """Return whether a folder is one into which distributions are installed: its modules do not belong together."""
    return os.path.abspath(folder) in _sites()


@cache
def _sites() -> frozenset[str]:
    return frozenset(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib"))


def module_files(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and absolute file of each of these modules that is imported from a file."""
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str):
            yield name, _normal.get(file) or _normalised(file)


_normal: dict[str, str] = {}
"""Results of `abspath` for absolute paths, which depend on no current folder; each module is asked for several times in a run."""


def _normalised(file: str) -> str:
    found = os.path.abspath(file)
    if os.path.isabs(file):
        _normal[file] = found
    return found


def base_of(top: str) -> tuple[str, bool]:
    """Return the folder that holds a top-level module, and whether that is a package; nothing is imported."""
    module = sys.modules.get(top)
    places = list(getattr(module, "__path__", ()))
    origin = getattr(module, "__file__", None)
    if module is None:
        spec = PathFinder.find_spec(top)
        places = list(spec.submodule_search_locations or ()) if spec else []
        origin = spec.origin if spec else None
    if places:
        return os.path.dirname(os.path.abspath(places[0])), True
    return (os.path.dirname(os.path.abspath(origin)) if origin else ""), False


def folders_of(roots: Roots) -> list[Path]:
    """Return the folders in which the code lies, each once."""
    found = [Path(roots.given.base)] if roots.given is not None else []
    for top in roots.packages:
        base, is_package = base_of(top)
        if base:
            found.append(Path(base, top) if is_package else Path(base))
    return list(dict.fromkeys(found))
