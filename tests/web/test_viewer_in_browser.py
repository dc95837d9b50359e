"""Pages of the viewer and the static copy in a real browser: they fit, can be read in both schemes, and axe finds nothing."""

# ruff: noqa: ANN401 -- the tab and the runs are classes of conftest.py, which cannot be imported

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from taskloom.cli import main
from taskloom_probe.pages import ask
from tests_sizes import size

WIDTH = "document.documentElement.scrollWidth"
CHART = "where=domain+%3D+hci&x=config.seed&y=metrics.rounds%2Fmean"
PAGES = (
    *("table", "tasks", "samples", "absent"),
    *("comparison", "groups", "chart", "lines", "mistake", "run", "sweeps"),
)
MODES = ((390, "dark"), (390, "light"), (1280, "dark"))


def address(four: Any, page: str) -> tuple[str, str]:
    """Return the path and the query of a page."""
    first, second = sorted(path.name for path in four.store.glob("*-hci-*"))
    other = four.folder("anomaly").name
    return {
        "table": ("/", ""),
        "groups": ("/", "group=seed"),
        "chart": ("/", CHART),
        "lines": ("/", CHART.replace("config.seed", "config.seed,config.assistant")),
        "mistake": ("/", "where=metrics.auroc+%3E"),
        "comparison": ("/compare", f"run={first}&run={second}"),
        "tasks": ("/compare", f"run={first}&run={other}"),
        "samples": (f"/runs/{other}/samples", ""),
        "run": (f"/runs/{quote(first)}/", ""),
        "absent": ("/runs/20260101-000000-hci-pointing-aaaaaa/", ""),
        "sweeps": ("/sweeps/", ""),
    }[page]


@pytest.mark.parametrize("page", PAGES[: size("viewer_pages")])
def test_a_page_of_the_viewer_is_read_by_everyone(
    tab: Any, four: Any, page: str, tmp_path: Path
) -> None:
    answer = ask(four.store, *address(four, page))
    assert answer.status == (404 if page == "absent" else 200)
    file = tmp_path / "page.html"
    file.write_bytes(answer.body)
    tab.open(file.as_uri(), width=1280)
    assert tab.evaluate(WIDTH) <= 1280
    assert tab.violations() == []
    for width, scheme in MODES[: size("viewer_modes")]:
        tab.look(width=width, scheme=scheme)
        assert tab.evaluate(WIDTH) <= width
        assert tab.violations("color-contrast") == [], (width, scheme)


def test_a_comparison_of_two_tasks_shows_the_figure_of_each_and_no_difference(four: Any) -> None:
    text = ask(four.store, *address(four, "tasks")).text
    assert "They differ in the task." in text
    assert "The tasks differ." in text
    for words in ("hci pointing", "anomaly toy_features", "rounds per episode", "AUROC"):
        assert words in text
    assert "NaN" not in text


def test_a_copy_is_walked_without_a_network(tab: Any, four: Any, tmp_path: Path) -> None:
    """The browser reaches nothing outside this machine; every page comes from the disk, and back leads to the table."""
    copy = tmp_path / "copy"
    assert main(["view", "--store", str(four.store), "--export", str(copy)]) == 0
    tab.open((copy / "index.html").as_uri(), width=390, scheme="dark")
    assert tab.evaluate(WIDTH) <= 390
    links = tab.evaluate("[...document.querySelectorAll('main a')].map(a => a.href)")
    reports = [link for link in links if link.startswith(copy.as_uri()) and "/runs/" in link]
    assert len(set(reports)) == 5
    for link in [*dict.fromkeys(reports)][: size("copied_pages")]:
        tab.open(link)
        assert tab.evaluate("!!document.querySelector('.band')"), link
        assert tab.complaints == []
        away = [asked for asked in tab.requests if not asked.startswith(("data:", copy.as_uri()))]
        assert away == []
    back = tab.evaluate("document.querySelector('a[href$=\"index.html\"]').href")
    assert back == (copy / "index.html").as_uri()
