"""Tables of results are written by the scripts that they name."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"<!-- table: ([\w-]+), by (\S+) -->")
TABLES = [
    (path, *found)
    for path in sorted((ROOT / "docs" / "reference").glob("*-results.md"))
    for found in MARK.findall(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "name", "script"), TABLES, ids=lambda part: Path(part).stem)
def test_a_table_names_a_script_that_writes_it(page: Path, name: str, script: str) -> None:
    source = (ROOT / script).read_text(encoding="utf-8")
    assert '"--into"' in source
    assert f'"{name}"' in source


def test_the_larger_domains_have_such_tables() -> None:
    assert {page.stem for page, *_ in TABLES} >= {"anomaly-results", "control-results"}


def test_a_table_is_replaced_and_the_words_stay(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("bench_tables", ROOT / "benchmarks/tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    page = tmp_path / "page.md"
    words = "Before.\n\n<!-- table: a, by b.py -->\n\n{}\n\n<!-- end of table -->\n\nAfter.\n"
    page.write_text(words.format("| old |"))
    tables.put(page, "a", ["| new |", "| \\1 |"])
    assert page.read_text() == words.format("| new |\n| \\1 |")
    with pytest.raises(SystemExit, match="has no"):
        tables.put(page, "c", [])
