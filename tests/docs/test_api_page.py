"""The page of the Python API lists everything that a page imports from core."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "docs" / "hooks" / "reference.py"
IMPORT = re.compile(r"^from (taskloom(?:\.[a-z]+)*) import ([\w, ]+)$", re.MULTILINE)


def test_every_name_that_a_page_imports_from_core_is_on_the_page_of_the_api() -> None:
    spec = importlib.util.spec_from_file_location("docs_reference_hook", HOOK)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = hook
    spec.loader.exec_module(hook)
    page = "\n".join(hook.api_page())
    listed = set(re.findall(r"\{ #(\S+) \}", page))
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
