"""Sizes of these tests; see `tests/sizes.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def _load(name: str, path: Path) -> None:
    # Tests are no package; what they share is loaded by its path, before any of them.
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_load("tests_sizes", Path(__file__).parents[2] / "sizes.py")
