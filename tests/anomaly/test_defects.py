"""The page about the seed system's defects names a test for each, and every one of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "migration" / "cupbearer-defects.md"


def test_every_defect_of_the_seed_system_has_a_test() -> None:
    rows = re.findall(r"^\| (\d+|[^|]+) \|.*\| ([^|]*::[^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    numbered = [int(first) for first, _ in rows if first.isdecimal()]
    assert numbered == list(range(1, 18))
    assert len(rows) > len(numbered)
    for _, named in rows:
        for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", named):
            tree = ast.parse((HERE / file).read_text())
            functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{file} has no {name}"
