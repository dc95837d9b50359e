"""The report in a real browser: nothing is fetched, nothing overflows, every text can be read, in both schemes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from taskloom.cli import main


@pytest.fixture(scope="module")
def report(four: Any) -> Path:
    """The report of a real run."""
    return Path(four.folder("hci") / "report.html")


# ruff: noqa: ANN401 -- the tab is a class of conftest.py, which cannot be imported


def test_config_values_are_not_squeezed_on_a_phone(tab: Any, report: Path, tmp_path: Path) -> None:
    """Beside long names: when names could not break, each line of a value had four letters."""
    file = tmp_path / "long.html"
    text = report.read_text()
    assert '<th class="path" scope="row">seed</th>' in text
    file.write_text(text.replace(">seed</th>", ">train.optimizer.decay_of_all_matrices</th>"))
    tab.open(file.as_uri(), width=360)
    narrowest = "Math.min(...[...document.querySelectorAll('.settings td.value')].map(cell => cell.clientWidth))"
    assert tab.evaluate(narrowest) >= 60


@pytest.mark.parametrize(("width", "columns"), [(390, 2), (1200, 5)])
def test_molecules_stand_side_by_side_on_white_cards(
    tab: Any, tmp_path: Path, width: int, columns: int
) -> None:
    from taskloom.report.blocks import render_block
    from taskloom.report.model import Html
    from taskloom.report.page import page
    from taskloom_diffusion.report.drawings import molecule_grid

    grid = render_block(Html(molecule_grid(["CCO", "c1ccccc1C(=O)NC"] * 4), "Eight."), tmp_path)
    file = tmp_path / "molecules.html"
    file.write_text(page("Molecules", None, [("Samples", grid)]))
    tab.open(file.as_uri(), width=width, scheme="dark")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    drawings = "[...document.querySelectorAll('figure svg')].map(drawing => drawing.getBoundingClientRect())"
    first_row = f"{drawings}.filter((box, i, all) => box.top === all[0].top).length"
    assert tab.evaluate(first_row) == columns
    assert tab.evaluate(f"Math.min(...{drawings}.map(box => box.width))") >= 120
    card = "getComputedStyle(document.querySelector('figure svg').parentElement)"
    assert tab.evaluate(f"{card}.backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate(f"{card}.color") == "rgb(34, 34, 34)"


def test_a_report_shows_the_metrics_of_the_record(tab: Any, report: Path) -> None:
    tab.open(report.as_uri())
    text = tab.evaluate("document.body.innerText")
    record = json.loads((report.parent / "run.json").read_text())
    assert record["headline"]["sentence"] in text
    # What is folded away is in the page, and not shown until it is asked for.
    whole = tab.evaluate("document.body.textContent")
    for path in ("user.kind", "assistant.kind", "first_task_reward"):
        assert path in whole
        assert path not in text


def test_a_report_is_walked_by_keyboard(tab: Any, report: Path) -> None:
    tab.open(report.as_uri())
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "again"
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "CSV"


def test_a_script_in_a_report_would_not_run(tab: Any, report: Path, tmp_path: Path) -> None:
    """The policy is the second wall behind escaping: a script that got in by mistake stays text."""
    page = tmp_path / "planted.html"
    planted = "<script>document.title = 'owned'</script><img src='x' onerror=\"document.title = 'owned'\">"
    page.write_text(report.read_text().replace("</main>", f"{planted}</main>"))
    tab.open(page.as_uri())
    assert tab.evaluate("document.title") != "owned"
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)


def test_an_interactive_report_draws_living_charts_under_its_policy(
    tab: Any, report: Path, tmp_path: Path
) -> None:
    """One script, allowed by its hash, no eval, nothing fetched; a chart answers to the mouse."""
    page = tmp_path / "moving.html"
    assert main(["report", str(report.parent), "--interactive", "-o", str(page)]) == 0
    still = report.read_text().count("<svg")
    tab.open(page.as_uri())
    deadline = time.monotonic() + 200
    living = "document.querySelectorAll('.living svg').length"
    while tab.evaluate(living) < still and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tab.evaluate(living) == still > 0
    assert tab.evaluate("document.querySelectorAll('figure > svg').length") == 0
    assert tab.complaints == []
    assert [address for address in tab.requests if not address.startswith("data:")] == [
        page.as_uri()
    ]
    policy = page.read_text().partition("Content-Security-Policy")[2][:400]
    assert "unsafe-eval" not in policy
    assert policy.count("unsafe-inline") == 1  # styles
    assert tab.evaluate(
        "getComputedStyle(document.querySelector('.living svg .mark-rect path, .living svg .mark-line path')).fill !== ''"
    )
