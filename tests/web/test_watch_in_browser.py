"""The page of a live loop in a real browser: it loads nothing from elsewhere, and a key on a slider changes the next plan."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
from taskloom.request import Origin, RunOptions
from taskloom_control.live.commands import command_of
from taskloom_control.live.page import Page
from taskloom_control.live.requests import Inbox, Request
from taskloom_control.live.watching import Watching, watched_run
from waiting import until

# ruff: noqa: ANN401 -- the tab is a class of conftest.py, which cannot be imported
pytest.importorskip("viser")
VALUES = {
    "optimizer": {"kind": "cem", "num_rollouts": 8},
    "engine": {"kind": "serial"},
    "record": {"animation": False, "fan_every": 0},
    "baseline": False,
}
# The slider that stands beside a label.
FOCUS = """
(() => { const label = [...document.querySelectorAll('label')].find(e => e.textContent.includes('%s'));
  for (let e = label; e; e = e.parentElement) { const s = e.querySelector('[role=slider]'); if (s) { s.focus(); return true; } }
  return false; })()
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Page, Watching]]:
    """A page whose loop runs, with a person that ends it."""
    inbox = Inbox()
    watching = Watching(inbox, pace=0.2)
    task = tl.open_task("control/cylinder_push", VALUES)
    page = Page(
        lambda: watching.shown,
        inbox.put,
        task.config,
        title="cylinder_push",
        command=partial(command_of, task),  # type: ignore[arg-type]  # of control
    )
    options = RunOptions(store=tmp_path, quiet=True, report="no")
    thread = threading.Thread(target=watched_run, args=(task, watching, options, Origin()))
    thread.start()
    yield page, watching
    inbox.put(Request("end"))
    thread.join()
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_key_on_a_slider_changes_the_next_plan_and_nothing_comes_from_elsewhere(
    tab: Any, live: tuple[Page, Watching], width: int
) -> None:
    page, watching = live
    tab.open(page.address, width=width)
    until(lambda: "episode 0" in tab.evaluate("document.body.innerText"))
    assert watching.shown is not None
    before = watching.shown.config.w_cart_position
    until(lambda: tab.evaluate(FOCUS % "w_cart_position"))
    tab.press("ArrowRight")
    until(lambda: watching.shown and watching.shown.config.w_cart_position > before)
    # The settings that are in force, as the command that runs with them.
    pressed = watching.shown.config.w_cart_position
    tab.evaluate(
        "[...document.querySelectorAll('button')].find(b => b.innerText === 'As a command').click()"
    )
    line = tab.wait_for("(document.body.innerText.match(/tasks run control.*/) || [''])[0]")
    assert f"--w_cart_position={pressed:.6g}" in line
    assert "token=" not in tab.evaluate("location.href")
    origin = f"http://127.0.0.1:{page.server.get_port()}/"
    assert [a for a in tab.requests if not a.startswith((origin, "data:", "blob:"))] == []
    refused = [said for said in tab.complaints if "Content Security Policy" in said]
    assert refused == []
    wide = tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
