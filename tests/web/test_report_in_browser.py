"""The report in a real browser: nothing is fetched, nothing overflows, every text can be read, in both schemes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CONTRAST = """
(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = ([r, g, b]) => { const f = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = element => { for (let e = element; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest('.skip, style')) continue;
    const inSvg = element.closest('svg');
    const style = getComputedStyle(element);
    const ink = parse(inSvg ? style.fill : style.color);
    const a = light(ink), b = light(behind(element));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    // A number inside a coloured cell has the cell behind it, not the page.
    if (ratio < 4.5 && !(inSvg && inSvg.querySelector('.mark-rect'))) bad.push([walker.currentNode.data.trim(), ratio]);
  }
  return bad;
})()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a real run."""
    store = tmp_path_factory.mktemp("runs")
    command = "import sys; from taskloom.cli import main; sys.exit(main())"
    words = ["run", "hci", "pointing", "--episodes=30", "--store", str(store)]
    subprocess.run([sys.executable, "-c", command, *words], check=True, capture_output=True)
    return next(store.glob("*/report.html"))


# ruff: noqa: ANN401 -- the tab is a class of conftest.py, which cannot be imported


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_fits_the_window_and_can_be_read(
    tab: Any, report: Path, width: int, scheme: str
) -> None:
    tab.open(report.as_uri(), width=width, scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(CONTRAST) == []
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 24, 28)") is (scheme == "dark")


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


def test_the_look_at_contrast_finds_pale_text(tab: Any, report: Path, tmp_path: Path) -> None:
    page = tmp_path / "pale.html"
    page.write_text(report.read_text().replace("--ink-2: #4c5863", "--ink-2: #b0b0b0"))
    tab.open(page.as_uri())
    assert len(tab.evaluate(CONTRAST)) > 10


def test_a_report_fetches_nothing_and_complains_of_nothing(tab: Any, report: Path) -> None:
    tab.open(report.as_uri())
    assert [address for address in tab.requests if not address.startswith("data:")] == [
        report.as_uri()
    ]
    assert tab.complaints == []


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


def test_the_first_900_pixels_answer_what_was_run_and_whether_it_was_good(
    tab: Any, report: Path
) -> None:
    """Verdict, figure, baseline, what was run and the command that repeats it stand above the evidence."""
    tab.open(report.as_uri())
    bottom = "Math.max(...[...document.querySelectorAll('header *')].map(x => x.getBoundingClientRect().bottom))"
    assert tab.evaluate(bottom) < 900
    shown = tab.evaluate("document.querySelector('header').innerText")
    headline = json.loads((report.parent / "run.json").read_text())["headline"]
    for words in (headline["sentence"], headline["title"], headline["baseline"]["name"]):
        assert words in shown
    assert "tasks run hci pointing --episodes=30" in shown
    value = "document.querySelector('[data-metric=\"rounds/mean\"]').textContent"
    assert float(tab.evaluate(value)) == pytest.approx(headline["value"], abs=0.5)


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


def test_an_interactive_report_draws_living_charts_under_its_policy(tab: Any, report: Path) -> None:
    """One script, allowed by its hash, no eval, nothing fetched; a chart answers to the mouse."""
    words = [
        "report",
        str(report.parent),
        "--interactive",
        "-o",
        str(report.with_name("moving.html")),
    ]
    command = "import sys; from taskloom.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", command, *words], check=True, capture_output=True)
    still = report.read_text().count("<svg")
    page = report.with_name("moving.html")
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
