"""Figures and tables leave a page: the file is inside the link, and `--figures` writes all of them."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from taskloom.latex import latex_text, markdown, tabular
from taskloom.report import write_report
from taskloom.report.leaving import csv_of
from taskloom.report.write import write_figures
from taskloom.runs import Run

MakeRun = Callable[..., Run]
ROWS = [{"step": step, "loss": 1.0 / (step + 1)} for step in range(5)]


def held(page: str, name: str) -> str:
    """Return the content of the first file of this name inside a page."""
    found = re.search(rf'download="{name}" href="data:[^;]+;base64,([^"]+)"', page)
    assert found is not None, re.findall(r'download="([^"]+)"', page)
    return base64.b64decode(found[1]).decode()


def test_a_chart_gives_its_data_and_a_drawing_that_stands_alone(make_run: MakeRun) -> None:
    page = write_report(make_run(ROWS)).read_text(encoding="utf-8")
    data = list(csv.DictReader(io.StringIO(held(page, "loss.csv"))))
    assert [float(row["y"]) for row in data] == [row["loss"] for row in ROWS]
    drawing = held(page, "loss.svg")
    assert drawing.startswith("<svg")
    assert 'xmlns="http://www.w3.org/2000/svg"' in drawing
    assert "var(" not in drawing
    assert "<script" not in drawing


def test_a_table_leaves_as_csv_latex_and_markdown(make_run: MakeRun) -> None:
    page = write_report(make_run(metrics={"a_b": 0.25, "cost": -3.5})).read_text(encoding="utf-8")
    assert held(page, "metric-value.csv") == "metric,value\na_b,0.25\ncost,-3.5\n"
    assert "a\\_b & 0.25 \\\\" in held(page, "metric-value.tex")
    assert "| cost | -3.5 |" in held(page, "metric-value.md")


def test_every_file_of_a_page_is_written_once(make_run: MakeRun, tmp_path: Path) -> None:
    page = write_report(make_run(ROWS)).read_text(encoding="utf-8")
    written = write_figures(page, tmp_path / "figures")
    assert len({*written}) == len(written) == page.count("<a download=")
    assert all(path.stat().st_size for path in written)


_CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=4))
def test_no_cell_breaks_a_table(rows: list[tuple[str, str]]) -> None:
    lines = tabular(["one", "two"], rows).splitlines()
    assert len(lines) == len(rows) + 6
    for line in lines[4:-2]:
        assert len(re.findall(r"(?<!\\)&", line.replace("\\\\", ""))) == 1
    assert len(markdown(["one", "two"], rows).split("\n")) == len(rows) + 2


@given(st.lists(st.dictionaries(st.sampled_from("abc"), _CELLS, min_size=1), min_size=1))
def test_rows_come_back_from_csv(rows: list[dict[str, str]]) -> None:
    read = list(csv.DictReader(io.StringIO(csv_of(rows), newline="")))
    for before, after in zip(rows, read, strict=True):
        assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("text", ["50 %", "a_b", "$x$", "{}", "~", "^", "\\", "#1 & 2"])
def test_nothing_special_reaches_latex(text: str) -> None:
    assert not re.search(r"(?<!\\)[%_#&]", latex_text(text))
