"""A study in a real browser: played through by keyboard, mouse and touch, resumed after a reload, seen by everyone."""

# ruff: noqa: ANN401 -- the tab is a class of conftest.py, which cannot be imported

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from taskloom_hci.recordings.blocks import read_blocks, session_files
from taskloom_hci.recordings.journal import read_lines
from waiting import until

AXE = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js")
PICTURES = os.environ.get("TASKLOOM_STUDY_PICTURES", "")
STUDY = """
[study]
title = "Two assistants"
people = 40
show_belief = true
seed = 3
[consent]
text = "# Taking part\\n\\nYou play a few short games. You may stop at any time, and then **everything is deleted**."
[instructions]
pages = ["# How it works\\n\\nMove the cursor to the goal, then stay on it.\\n\\n- only you know the goal\\n- the assistant guesses it"]
check = [{ask = "Who knows the goal?", options = ["Only I", "The assistant too"], right = 0}]
[[condition]]
name = "line"
task = "pointing"
assistant = {kind = "big"}
parameters = {cells = 15, targets = 4}
episodes = 1
[[condition]]
name = "grid"
task = "pointing_2d"
assistant = {kind = "big"}
parameters = {width = 6, height = 5, targets = 4}
episodes = 1
[[condition]]
name = "eyes"
task = "gaze"
parameters = {max_rounds = 3}
episodes = 1
[[condition]]
name = "cards"
task = "teaching"
parameters = {sessions = 1, trials = 2, items = 3, inter_trial = 0.2, pause = 0.2}
episodes = 1
[[condition]]
name = "number"
task = "coordinated"
assistant = {kind = "random"}
episodes = 1
[design]
within = ["line", "grid", "eyes", "cards", "number"]
[[question]]
id = "effort"
ask = "How hard was it?"
kind = "scale"
[[question]]
id = "words"
ask = "Anything else?"
kind = "text"
required = false
[thanks]
text = "Thank you."
code = true
"""


class Served:
    """A study that a process of its own serves."""

    def __init__(self, folder: Path, text: str) -> None:
        self.store = folder / "runs"
        self.file = folder / "study.toml"
        self.file.write_text(text, encoding="utf-8")
        self.process: subprocess.Popen[str] | None = None
        self.address = ""

    def start(self, *words: str) -> None:
        code = "import sys; from taskloom.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "hci", "study", str(self.file), "--freeze", *words]
        self.process = subprocess.Popen(
            [*command, "--durable=write", "--store", str(self.store)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("people: "):
                self.address = line.split()[1]
                return
        raise AssertionError("the study did not start")

    def stop(self, how: int = signal.SIGINT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def run(self) -> Path:
        return next(path.parent for path in self.store.glob("*/run.json"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    study = Served(tmp_path_factory.mktemp("study"), STUDY)
    study.start()
    yield study
    with contextlib.suppress(AssertionError):
        study.stop()


def arrive(tab: Any, served: Served, **look: Any) -> None:
    """Open the page as a person who has not been here."""
    tab.forget(served.address)
    tab.open(served.address, **look)
    tab.wait_for("!!document.querySelector('main button')")


def middle(tab: Any, selector: str) -> tuple[float, float]:
    box = tab.wait_for(
        f"(() => {{ const e = [...document.querySelectorAll({selector!r})].find(e => !e.disabled && e.getClientRects().length);"
        " if (!e) return null; e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    return float(box[0]), float(box[1])


def text_of(tab: Any) -> str:
    return str(tab.evaluate("document.querySelector('main').innerText"))


class Hands:
    """A way to use the page: `mouse`, `touch` or `key`."""

    def __init__(self, tab: Any, device: str) -> None:
        self.tab, self.device = tab, device

    def push(self, selector: str) -> None:
        if self.device == "key":
            self.tab.wait_for(
                f"(() => {{ const e = [...document.querySelectorAll({selector!r})].find(e => !e.disabled);"
                " if (!e) return false; e.focus(); return true; })()"
            )
            is_box = self.tab.evaluate("document.activeElement.matches('input')")
            self.tab.press(" " if is_box else "Enter")
        elif self.device == "touch":
            self.tab.tap(*middle(self.tab, selector))
        else:
            self.tab.click(*middle(self.tab, selector))

    def move(self, label: str, key: str) -> None:
        """Choose one of the buttons of a game."""
        if self.device == "key":
            self.tab.press(key)
            return
        self.tab.evaluate(
            "document.querySelectorAll('.controls button').forEach(e => e.classList.toggle('wanted',"
            f" e.firstChild.data === {label!r}))"
        )
        self.push(".controls button.wanted")


MOVES = {
    (0, -1): ("left", "ArrowLeft"),
    (0, 1): ("right", "ArrowRight"),
    (-1, 0): ("up", "ArrowUp"),
    (1, 0): ("down", "ArrowDown"),
    (0, 0): ("stay", " "),
}


def pointed(said: str) -> tuple[str, str]:
    """Return the move that a person makes who reads where cursor and goal are."""
    here, goal = (
        [int(part) for part in found.split(",")]
        for found in re.search(r"at ([\d, ]+), goal at ([\d, ]+)\.", said).groups()  # type: ignore[union-attr]
    )
    away = [(b > a) - (b < a) for a, b in zip(here, goal, strict=True)]
    if len(away) == 1:
        return MOVES[0, away[0]]
    # In words a position is its column and its row.
    return MOVES[0, away[0]] if away[0] else MOVES[away[1], 0]


OPEN = (
    "(() => { try { return play && play.open && play.shown !== null; } catch { return false; } })()"
)
READY = f"{OPEN} || !!document.querySelector('main button.main, .code')"


def play_on(hands: Hands, *, stop: str = "", seen: Callable[[str], None] | None = None) -> None:
    """Go through the study to its end, or until a text is shown."""
    tab = hands.tab
    for _ in range(400):
        tab.wait_for(READY)
        shown = text_of(tab)
        if seen is not None:
            seen(shown)
        if "Your code" in shown or (stop and stop in shown):
            return
        if tab.evaluate(OPEN):
            seq = tab.evaluate("play.seq")
            kind = tab.evaluate("play.game.task")
            if kind == "pointing":
                hands.move(*pointed(tab.evaluate("document.getElementById('say').textContent")))
            elif kind == "gaze":
                if hands.device == "key":
                    tab.press("ArrowRight")
                    tab.press("Enter")
                else:
                    hands.push(".stage svg")
            elif kind == "teaching":
                hands.move("I know it", "1")
            else:
                hands.move("3", "3")
            tab.wait_for(
                f"!play || play.seq > {seq} || !!document.querySelector('main button.main')"
            )
            continue
        for box in ("[data-id=agree] input", "[data-id=check-0] input", "[data-id=effort] input"):
            if tab.evaluate(f"!!document.querySelector('{box}')"):
                hands.push(box)
        hands.push("main button.main")
        tab.wait_for(f"document.querySelector('main').innerText !== {shown!r}")
    raise AssertionError("the study has no end")


@pytest.mark.parametrize(
    ("device", "width", "height", "scheme"),
    [
        ("key", 1280, 800, "light"),
        ("mouse", 1280, 800, "dark"),
        ("touch", 390, 700, "light"),
    ],
)
def test_a_study_is_played_through(
    tab: Any, served: Served, device: str, width: int, height: int, scheme: str
) -> None:
    arrive(tab, served, width=width, height=height, scheme=scheme)
    problems: list[tuple[str, Any]] = []
    pictured: list[str] = []
    tab.evaluate(AXE.read_text(encoding="utf-8") + "; true")

    def look(shown: str) -> None:
        game = tab.evaluate("play ? play.game.task + play.game.layout.shapes.length : ''")
        name = (game or re.sub(r"\W+", "-", shown.split("Continue", maxsplit=1)[0])[:30]) + (
            "-over" if "is over" in shown else ""
        )
        if name in pictured:
            return
        pictured.append(name)
        if PICTURES:
            tab.picture(
                Path(PICTURES) / f"{device}-{width}-{scheme}-{len(pictured):02d}-{name}.png"
            )
        if tab.evaluate("document.documentElement.scrollWidth") > width:
            problems.append((name, "wider than the window"))
        if tab.evaluate("!!play && document.documentElement.scrollHeight > innerHeight"):
            problems.append((name, "a game that scrolls"))
        small = tab.evaluate(
            "[...document.querySelectorAll('button')].map(b => [b.innerText, b.getBoundingClientRect()])"
            ".filter(([, b]) => b.width && (b.width < 44 || b.height < 44)).map(([t]) => t)"
        )
        problems.extend((name, f"small button {one}") for one in small)
        found = tab.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        )
        problems.extend((name, one) for one in found)

    play_on(Hands(tab, device), seen=look)
    assert problems == []
    assert tab.complaints == []
    base = served.address.partition("/?")[0]
    assert [
        url
        for url in tab.requests
        if not url.startswith((base, "data:", base.replace("http", "ws")))
    ] == []
    assert "token" not in tab.evaluate("location.href")
    lines = [read_lines(path)[0] for path in session_files(served.run)]
    mine = max(lines, key=lambda found: found[0].t)
    assert mine[-1].data == {"reason": "finished"}
    devices = {event.device for event in mine if event.kind == "action"}
    assert devices == {device}
    assert all(event.rt is not None and event.rt > 0 for event in mine if event.kind == "action")
    (answer,) = [e.data["values"] for e in mine if e.kind == "answer" and e.page == "questions"]
    assert answer["effort"] == 1
    played = [
        block for block in read_blocks(served.run) if block.session == mine[0].data["session"]
    ]
    assert len(played) == 5


def test_a_reload_and_a_kill_come_back_to_the_same_place(tab: Any, tmp_path: Path) -> None:
    served = Served(tmp_path, STUDY)
    served.start()
    arrive(tab, served)
    hands = Hands(tab, "key")
    for place in ("Taking part", "How it works", "Who knows the goal?"):
        play_on(hands, stop=place)
        tab.open(served.address.partition("?")[0])
        tab.wait_for(f"document.body.innerText.includes({place!r})")
    play_on(hands, stop="round 1")
    tab.wait_for(OPEN)
    seq = tab.evaluate("play.seq")
    hands.move(*pointed(tab.evaluate("document.getElementById('say').textContent")))
    tab.wait_for(f"play.open && play.seq === {seq + 1}")
    before = tab.evaluate(
        "[play.seq, document.getElementById('say').textContent.split(' The ')[0]]"
    )
    tab.open(served.address.partition("?")[0])
    tab.wait_for(OPEN)
    after = "[play.seq, document.getElementById('say').textContent]"
    assert tab.evaluate(after) == before
    served.stop(signal.SIGKILL)
    tab.wait_for("document.getElementById('trouble').textContent")
    served.start()
    tab.wait_for(f"{OPEN} && document.getElementById('trouble').textContent === ''")
    assert tab.evaluate(after) == before
    play_on(hands)
    (path,) = session_files(served.run)
    lines, _ = read_lines(path)
    assert [event.n for event in lines] == list(range(len(lines)))
    kinds = [event.kind for event in lines]
    assert kinds.count("reconnect") >= 5
    actions = [event.seq for event in lines if event.kind == "action"]
    assert actions == sorted(set(actions))
    assert sum(1 for _ in read_blocks(served.run)) == 5
    assert json.loads((served.run / "run.json").read_text())["attempts"] == 2
    served.stop()
    time.sleep(0)


def test_a_page_says_that_an_answer_was_not_saved_and_goes_on(
    tab: Any, mount: Callable[[str], Path]
) -> None:
    disk = mount("16m")
    study = Served(disk, STUDY)
    study.start()
    try:
        arrive(tab, study)
        with (disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        # Each is a line of the session's file, which has some room left in its last block.
        tab.evaluate("for (let i = 0; i < 60; i += 1) dispatchEvent(new Event('blur')); true")
        tab.wait_for("trouble.innerText.includes('could not be saved')")
        (disk / "ballast").unlink()
        tab.wait_for("!trouble.innerText && !!document.querySelector('main button.main')")
    finally:
        study.stop()


def test_a_person_withdraws_and_nothing_is_left(tab: Any, served: Served) -> None:
    arrive(tab, served)
    play_on(Hands(tab, "mouse"), stop="How it works")
    session = tab.evaluate("localStorage.getItem('taskloom-session')")
    hands = Hands(tab, "mouse")
    hands.push("footer button")
    hands.push("footer button")
    tab.wait_for("document.body.innerText.includes('are being deleted')")
    path = next(path for path in session_files(served.run) if path.stem == session)
    # The page is answered before the file is written anew.
    until(lambda: [event.kind for event in read_lines(path)[0]] == ["open", "withdraw"])
    assert read_lines(path)[0][0].data["person"] == ""


def test_the_desk_tells_progress_and_no_data(tab: Any, served: Served) -> None:
    assert served.process is not None
    assert served.process.stdout is not None
    desk = next(line for line in served.process.stdout if line.startswith("desk: ")).split()[1]
    tab.open(desk)
    tab.wait_for("document.querySelectorAll('dt').length >= 8")
    assert "finished" in text_of(tab)
    tab.open(served.address.partition("?")[0] + "desk?token=wrong")
    # The cookie of the desk lets it in again; a wrong token alone would not.
    assert tab.complaints == [] or "403" in tab.complaints[0]
