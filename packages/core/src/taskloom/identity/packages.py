"""Packages that count: those that were imported and lie in what the task's distribution requires, beyond core's own.

Typer, rich and pydantic serve the command line; an upgrade of them repeats no run.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from taskloom.errors import StoreError
from taskloom.identity.roots import CORE
from taskloom.registry.installed import distributions, normalised
from taskloom.runs.provenance import installed_distributions
from taskloom.runs.writer import atomic_write_json

NAME = ".cache/packages.json"
CORE_DISTRIBUTION = "taskloom-core"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_AUTHORS_EXTRAS = frozenset({"dev", "test", "tests", "doc", "docs", "lint", "typing"})
Tops = Mapping[str, tuple[str, ...]]
"""The top-level modules of each distribution, by name."""


def counted_packages(owners: Iterable[str], store: Path | None = None) -> dict[str, str]:
    """Return name and version of each distribution that counts, sorted: those imported by now, and core.

    Args:
        owners: The distributions of the task, its domain and its components.
        store: The store that remembers what distributions require.
    """
    tops = _tops(sorted(set(owners) - {CORE, CORE_DISTRIBUTION, ""}), store)
    versions = installed_distributions(sys.path)
    found = {
        name: versions[name]
        for name, modules in tops.items()
        if name in versions and any(module in sys.modules for module in modules)
    }
    if CORE_DISTRIBUTION in versions:
        found[CORE_DISTRIBUTION] = versions[CORE_DISTRIBUTION]
    return dict(sorted(found.items()))


def _tops(owners: list[str], store: Path | None) -> Tops:
    """Return the modules of all that some distributions require beyond core, from the cache if the site folders are as before."""
    key = json.dumps([owners, _stamps()])
    path = store / NAME if store is not None else None
    if path is not None:
        with suppress(OSError, ValueError):
            held = json.loads(path.read_bytes())
            if isinstance(held, dict) and held.get("key") == key:
                return {str(name): tuple(modules) for name, modules in held["tops"].items()}
    folders = {item.name: item.folder for item in distributions()}
    wanted = _closure(owners, folders, extras=True)
    wanted -= _closure([CORE_DISTRIBUTION], folders, extras=False) | set(owners)
    tops = {name: _modules(folders[name]) for name in sorted(wanted) if name in folders}
    if path is not None and path.parent.is_dir():
        with suppress(StoreError):
            atomic_write_json(path, {"key": key, "tops": tops})
    return tops


def _stamps() -> list[tuple[str, int]]:
    found = []
    for place in dict.fromkeys(sys.path):
        with suppress(OSError):
            found.append((place, os.stat(place or ".").st_mtime_ns))
    return found


def _closure(owners: Iterable[str], folders: Mapping[str, str], *, extras: bool) -> set[str]:
    """Return distributions with all that they require.

    Args:
        owners: Where to begin.
        folders: The metadata folder of each installed distribution.
        extras: Whether the extras of the first ones count as required; they count only if they are imported.
    """
    seen: set[str] = set()
    waiting = [(name, extras) for name in owners]
    while waiting:
        name, is_first = waiting.pop()
        if name in seen or name not in folders:
            continue
        seen.add(name)
        waiting += [(other, False) for other in _requirements(folders[name], extras=is_first)]
    return seen


def _requirements(folder: str, *, extras: bool) -> list[str]:
    found = []
    for line in _headers(folder):
        if not line.startswith("Requires-Dist:"):
            continue
        text = line.partition(":")[2].strip()
        asked = _EXTRA.search(text)
        if asked and (not extras or asked[1].lower() in _AUTHORS_EXTRAS):
            continue
        match = _REQUIREMENT.match(text)
        if match:
            found.append(normalised(match[0]))
    return found


def _headers(folder: str) -> list[str]:
    for name in ("METADATA", "PKG-INFO"):
        with suppress(OSError):
            text = Path(folder, name).read_text(encoding="utf-8", errors="replace")
            return text.partition("\n\n")[0].splitlines()
    return []


def _modules(folder: str) -> tuple[str, ...]:
    """Return the top-level modules of a distribution."""
    with suppress(OSError):
        return tuple(Path(folder, "top_level.txt").read_text(encoding="utf-8").split())
    found: set[str] = set()
    with suppress(OSError):
        for row in Path(folder, "RECORD").read_text(encoding="utf-8").splitlines():
            file = row.partition(",")[0]
            first = file.partition("/")[0]
            if file.endswith((".py", ".so", ".pyd")) and not first.endswith(".dist-info"):
                found.add(first.partition(".")[0])
    return tuple(sorted(name for name in found if name.isidentifier()))
