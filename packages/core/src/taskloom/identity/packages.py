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
from typing import TypeAlias

from taskloom.errors import ConfigError, RunCorruptError, StoreError
from taskloom.identity.roots import CORE
from taskloom.records.files import read_bytes
from taskloom.registry.installed import distributions, normalised
from taskloom.runs.provenance import installed_distributions
from taskloom.runs.settings import NAME as SETTINGS, read_settings
from taskloom.runs.writer import atomic_write_json

NAME = ".cache/packages.json"
CORE_DISTRIBUTION = "taskloom-core"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_AUTHORS_EXTRAS = frozenset({"dev", "test", "tests", "doc", "docs", "lint", "typing"})
Tops: TypeAlias = dict[str, tuple[str, ...]]
"""The top-level modules of each distribution, by name."""
Groups: TypeAlias = dict[str, Tops]
"""Requirements by extra, which count only if the distribution that the extra names is imported; under the empty name, those that always count."""

_known: dict[str, Groups] = {}


def counted_packages(owners: Iterable[str], store: Path | None = None) -> dict[str, str]:
    """Return name and version of each distribution that counts, sorted: those imported by now, and core.

    Args:
        owners: The distributions of the task, its domain and its components.
        store: The store that remembers what distributions require.
    """
    groups = _groups(sorted(set(owners) - {CORE, CORE_DISTRIBUTION, ""}), store)
    versions = installed_distributions(sys.path)
    found = {CORE_DISTRIBUTION} if CORE_DISTRIBUTION in versions else set()
    for gate, tops in groups.items():
        imported = {
            name for name, modules in tops.items() if any(m in sys.modules for m in modules)
        }
        if not gate or gate in imported:
            found |= imported & versions.keys()
    if store is not None:
        found -= recorded_only(store)
    return {name: versions[name] for name in sorted(found)}


def recorded_only(store: Path) -> frozenset[str]:
    """Return the distributions that a store records and never counts: `recorded-only` under `[tool.taskloom]` in `store.toml`.

    Args:
        store: The store.

    Raises:
        ConfigError: The file cannot be read, or the entry is no list of names.
    """
    tool = read_settings(store).get("tool", {})
    own = tool.get("taskloom", {}) if isinstance(tool, dict) else {}
    names = own.get("recorded-only", []) if isinstance(own, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"'recorded-only' in {store / SETTINGS} must be a list of names of distributions."
        )
    return frozenset(normalised(name) for name in names)


def _groups(owners: list[str], store: Path | None) -> Groups:
    """Return the modules of all that some distributions require beyond core, from the cache if the site folders are as before."""
    key = json.dumps([owners, _stamps()])
    if (known := _known.get(key)) is not None:
        return known
    path = store / NAME if store is not None else None
    if store is not None:
        with suppress(RunCorruptError, ValueError, AttributeError, RecursionError):
            held = json.loads(read_bytes(Path(os.path.realpath(store)), NAME))
            if isinstance(held, dict) and held.get("key") == key:
                return _keep(
                    key,
                    {
                        str(gate): {str(name): tuple(modules) for name, modules in tops.items()}
                        for gate, tops in held["groups"].items()
                    },
                )
    folders = {item.name: item.folder for item in distributions()}
    left_out = _closure([CORE_DISTRIBUTION], folders) | set(owners)
    extras = {
        name
        for owner in owners
        if owner in folders
        for name in _requirements(folders[owner], extras=True)
    }
    gates = {"": _closure(owners, folders)} | {
        name: _closure([name], folders) for name in sorted(extras)
    }
    groups = {
        gate: {name: _modules(folders[name]) for name in sorted(names - left_out)}
        for gate, names in gates.items()
    }
    if path is not None and path.parent.is_dir() and not path.parent.is_symlink():
        with suppress(StoreError):
            atomic_write_json(path, {"key": key, "groups": groups})
    return _keep(key, groups)


def _keep(key: str, groups: Groups) -> Groups:
    """Remember the groups of this process's newest question: a sweep or a loop asks the same each time."""
    _known.clear()
    _known[key] = groups
    return groups


def _stamps() -> list[tuple[str, int]]:
    found = []
    for place in dict.fromkeys(sys.path):
        with suppress(OSError):
            found.append((place, os.stat(place or ".").st_mtime_ns))
    return found


def _closure(owners: Iterable[str], folders: Mapping[str, str]) -> set[str]:
    """Return the installed ones of some distributions, with all that they require.

    Args:
        owners: Where to begin.
        folders: The metadata folder of each installed distribution.
    """
    seen: set[str] = set()
    waiting = list(owners)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in folders:
            seen.add(name)
            waiting += _requirements(folders[name], extras=False)
    return seen


def _requirements(folder: str, *, extras: bool) -> list[str]:
    """Return what a distribution requires, or what its extras bring; those for its own authors are left out."""
    found = []
    for line in _headers(folder):
        if not line.startswith("Requires-Dist:"):
            continue
        wanted = line.partition(":")[2].strip()
        asked = _EXTRA.search(wanted)
        if (asked is not None) != extras or (asked and asked[1].lower() in _AUTHORS_EXTRAS):
            continue
        match = _REQUIREMENT.match(wanted)
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
