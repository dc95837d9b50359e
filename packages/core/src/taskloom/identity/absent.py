"""Modules that counted code asks for and that do not exist: one that appears later makes it another program.

`try: from lab import fast` with an `except ImportError` below it computes something else as soon as there is a `lab/fast.py`.
Only sources that catch a failed import are looked at: in any other one the run would have ended there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import resolve_name

_CATCHES = re.compile(rb"ImportError|ModuleNotFoundError|except\s*:|Exception\b")
_IMPORTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n;]*))|import[ \t]+([^\n;]*))",
    re.M,
)

_LEFT_OUT = re.compile(rb"#[^\n]*|\\\n")  # comments, and the ends of lines that go on


def is_importable(module: str) -> bool:
    """Return whether an import would find something under a path without its suffix: a source, a package, a compiled module."""
    return os.path.exists(f"{module}.py") or os.path.isdir(module) or is_compiled(module)


def is_compiled(module: str) -> bool:
    """Return whether a compiled module lies under a path without its suffix; an import takes it before a source."""
    return any(os.path.exists(f"{module}{suffix}") for suffix in EXTENSION_SUFFIXES)


def absent_modules(module: str, source: bytes, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the packages, or an empty text, and the paths, without suffix, of modules that a source asks for and that do not exist.

    Args:
        module: The name of the imported module that has the source.
        source: Its source.
        folders: Folders in which a top-level module of that name would count.
    """
    if not _CATCHES.search(source):
        return
    is_package = hasattr(sys.modules.get(module), "__path__")
    package = module if is_package else module.rpartition(".")[0]
    for name in _asked(package, source):
        parent, _, last = name.rpartition(".")
        within = sys.modules.get(parent)
        # What a package defines itself is no module of it.
        if name in sys.modules or last in vars(within or object):
            continue
        for folder in getattr(within, "__path__", ()) if parent else folders:
            path = os.path.join(folder, last)
            if not is_importable(path):
                yield parent, path


@cache
def _asked(package: str, source: bytes) -> tuple[str, ...]:
    """Return the absolute names of all modules that a source may ask for, those around them first."""
    found: dict[str, None] = {}
    for base, listed, rest, plain in _IMPORTS.findall(_LEFT_OUT.sub(b" ", source)):
        for word in (listed or rest or plain).decode(errors="replace").split(","):
            name = (word.split() or [""])[0]
            if base:
                try:
                    origin = resolve_name(base.decode(), package)
                except ImportError:  # more dots than there are packages
                    continue
                name = f"{origin}.{name}" if name.isidentifier() else origin
            if all(part.isidentifier() for part in name.split(".")):
                parts = name.split(".")
                found.update((".".join(parts[:end]), None) for end in range(1, len(parts) + 1))
    return tuple(found)
