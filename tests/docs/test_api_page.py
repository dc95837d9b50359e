"""The page of the Python API lists everything that a page imports from core, and its examples run."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "docs" / "hooks"
# Run by tests/core/test_statistics.py and tests/cli/test_python.py.
ELSEWHERE = ("taskloom.statistics", "taskloom.api", "taskloom.listing", "taskloom.opening")
IMPORT = re.compile(r"^from (taskloom(?:\.[a-z]+)*) import ([\w, ]+)$", re.MULTILINE)


def load(name: str = "reference") -> ModuleType:
    """Return a hook of the documentation."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}_hook", HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = hook
    spec.loader.exec_module(hook)
    return hook


def test_every_name_that_a_page_imports_from_core_is_on_the_page_of_the_api() -> None:
    page = "\n".join(load().api_page())
    listed = set(re.findall(r"^::: (\S+)$", page, flags=re.MULTILINE))
    wanted = {
        f"{module}.{name}"
        for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for module, names in IMPORT.findall(path.read_text(encoding="utf-8"))
        for name in map(str.strip, names.split(","))
        if inspect.isclass(found := getattr(import_module(module), name))
        or inspect.isfunction(found)
    }
    assert wanted
    assert sorted(wanted - listed) == []


def shown_objects() -> dict[str, object]:
    """Return what the page shows, by its name, without what other tests run: statistics, and the calls that make runs."""
    names = re.findall(r"^::: (\S+)$", "\n".join(load().api_page()), flags=re.MULTILINE)
    found = {
        name: getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
        for name in names
    }
    return {
        name: item
        for name, item in found.items()
        if not item.__module__.startswith(ELSEWHERE) and ">>> " in (inspect.getdoc(item) or "")
    }


def test_the_examples_on_the_page_run() -> None:
    shown = shown_objects()
    assert len(shown) >= 8
    runner = doctest.DocTestRunner(verbose=False)
    for name, item in shown.items():
        for example in doctest.DocTestFinder(recurse=False).find(item, name):
            assert runner.run(example).failed == 0, name


def test_sessions_of_docstrings_are_shown_as_code() -> None:
    fenced = load("doctests").fenced
    text = "Sum.\n\n>>> 1 + 1\n2\n\nMore.\n\n    >>> [2]\n    [2]\n\nEnd."
    first = "Sum.\n\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore.\n\n\n"
    assert fenced(text) == f"{first}```pycon\n>>> [2]\n[2]\n```\n\nEnd."
    assert fenced("No session.\n\nNone.") == "No session.\n\nNone."
