"""Reports of all four domains: every number above the evidence is in the record, and axe finds nothing wrong."""

# ruff: noqa: ANN401 -- the tab is a class of conftest.py, and records are JSON

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from taskloom.cli import main
from taskloom.report.write import write_comparison
from taskloom.runs.run import Run, list_runs
from taskloom.view.app import make_app

DOMAINS = ("anomaly", "hci", "diffusion", "control")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-?\d+)?")
_EXEMPT = {"h1", "pre", "style", "title", "h2"}
"""Elements whose numbers are none of a result: the task's sentence, and the command, which another test reads back."""


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
    if (ink[3] === 0) continue;  // a box that stands for a hidden token
    const a = light(ink), b = light(behind(element));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    // A number inside a coloured cell has the cell behind it, not the page.
    if (ratio < 4.5 && !(inSvg && inSvg.querySelector('.mark-rect'))) bad.push([walker.currentNode.data.trim(), ratio]);
  }
  return bad;
})()
"""
BOTTOM = (
    "Math.max(...[...document.querySelectorAll('%s')].map(x => x.getBoundingClientRect().bottom))"
)
SMALLEST = """
Math.min(...[...document.querySelectorAll('header *, figcaption, td, th')].filter(x => x.innerText && x.getClientRects().length)
  .map(x => parseFloat(getComputedStyle(x).fontSize)))
"""


class Top(HTMLParser):
    """Text above the evidence with the attributes of the element that it is in, or of the nearest that has any."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, dict[str, str]]] = []
        self.feed(page.partition("<header>")[2].partition("</header>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs if name.startswith("data-")}
        self.stack.append((tag, told or (self.stack[-1][1] if self.stack else {})))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.stack and not {tag for tag, _ in self.stack} & _EXEMPT:
            self.texts.append((data, self.stack[-1][1]))


def value_of(record: Mapping[str, Any], name: str) -> Any:
    """Return what `runs show --json` holds under the name of a metric, or at a dotted path."""
    if name in record["metrics"]:
        return record["metrics"][name]
    found: Any = record
    for part in name.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


def agrees(shown: str, held: Any) -> bool:
    """Return true if a number as it is shown is one of what is held, to its digits."""
    if isinstance(held, bool) or held is None:
        return False
    plain = shown.replace(",", "")
    if isinstance(held, int | float):
        places = len(plain.partition(".")[2].partition("e")[0])
        size = abs(held)
        unit = 10.0**-places
        # A share may be shown in percent, a length of time in minutes.
        return any(abs(float(plain) - size * scale) <= unit * 0.5000001 for scale in (1, 100, 1 / 60))  # fmt: skip
    if isinstance(held, Mapping):
        return any(agrees(shown, inner) for inner in held.values())
    return plain in str(held).replace(",", "") or plain in json.dumps(held)


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_number_above_the_evidence_is_in_the_record(
    four: Any, domain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = four.folder(domain)
    capsys.readouterr()
    assert main(["runs", "show", folder.name, "--store", str(four.store), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    top = Top((folder / "report.html").read_text(encoding="utf-8"))
    seen = 0
    for text, told in top.texts:
        for shown in NUMBER.findall(text):
            assert told, f"the number {shown} of {text!r} names nothing of the record"
            name = told.get("data-metric")
            if name is not None:
                seen += 1
                assert agrees(shown, value_of(record, name)), (shown, name, value_of(record, name))
    assert seen >= 5
    assert record["units"]["n"] >= 1
    assert "artifacts/units.npz" in record["artifacts"]["units"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_first_900_pixels_answer_the_twelve_questions(tab: Any, four: Any, domain: str) -> None:
    """Domain, task, sentence, components, values, figure, interval, baseline, its value, difference, verdict, command."""
    folder = four.folder(domain)
    run = Run(folder)
    headline = run.headline
    assert headline is not None
    assert headline.baseline is not None
    tab.open((folder / "report.html").as_uri(), width=1280)
    assert tab.evaluate(BOTTOM % "header *") < 900
    assert tab.evaluate("document.body.scrollHeight") <= 4000
    shown = tab.evaluate("document.querySelector('header').innerText")
    interval = headline.no_interval or "95 % interval"
    wanted = [run.domain, run.task, headline.title, interval, headline.band]
    # The sentence names the difference, wherever there is an interval of it.
    wanted += [headline.sentence.replace("`", "")]
    wanted += [headline.baseline.name, headline.baseline.command]
    given = four.commands[domain].split()[2:]
    wanted += [value for option in given for value in option.split("=")[1:]]
    for path in ("detector", "model", "user", "assistant", "process", "sampler", "optimizer"):
        value = run.config.get(path)
        wanted += [value["kind"]] if isinstance(value, dict) else []
    for words in wanted:
        assert words in shown, words
    for name in (headline.metric, "headline.baseline.value"):
        text = tab.evaluate(f"document.querySelector('[data-metric=\"{name}\"]').innerText")
        assert NUMBER.search(text)
    command = shown.partition("Run it again")[2].split()
    assert command[:4] == ["tasks", "run", run.domain, run.task]
    assert sorted(command[4:]) == sorted(given)
    # On a phone the verdict and the figure come first, and the rest below each other.
    tab.look(width=390)
    assert tab.evaluate(BOTTOM % ".band, .large .value") < 600
    assert tab.evaluate("document.body.scrollHeight") <= 5500


@pytest.mark.parametrize("what", [*DOMAINS, "comparison"])
def test_a_page_is_read_by_everyone(tab: Any, four: Any, what: str, tmp_path: Path) -> None:
    """Wide and light, narrow and dark, and printed: it fits, every text can be read, and axe finds nothing."""
    if what == "comparison":
        page = write_comparison([r for r in list_runs(four.store) if r.domain == "hci"], tmp_path / "page.html")  # fmt: skip
    else:
        page = four.folder(what) / "report.html"
    width = "document.documentElement.scrollWidth"
    tab.open(page.as_uri(), width=1280)
    # Colours and names inside the folds count as well.
    closed = tab.evaluate("document.querySelectorAll('details:not([open])').length")
    tab.look(width=1280, media="print")
    hidden = "[...document.querySelectorAll('.folded')].filter(x => !x.checkVisibility({contentVisibilityAuto: true})).length"
    assert closed > 0
    tab.wait_for(f"{hidden} === 0")
    tab.look(width=1280, media="screen")
    tab.wait_for(f"{hidden} > 0")
    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    assert tab.evaluate(width) <= 1280
    assert tab.evaluate(CONTRAST) == []
    assert tab.violations() == []
    tab.look(width=390, scheme="dark")
    assert tab.evaluate(width) <= 390
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
    assert tab.evaluate(CONTRAST) == []
    assert tab.violations("color-contrast") == []
    assert tab.evaluate(SMALLEST) >= 12
    assert tab.complaints == []
    assert [asked for asked in tab.requests if not asked.startswith("data:")] == [page.as_uri()]


def test_the_look_at_contrast_finds_pale_text(tab: Any, four: Any, tmp_path: Path) -> None:
    page = tmp_path / "pale.html"
    text = (four.folder("hci") / "report.html").read_text(encoding="utf-8")
    page.write_text(text.replace("--ink-2: #4c5863", "--ink-2: #b0b0b0"), encoding="utf-8")
    tab.open(page.as_uri())
    assert len(tab.evaluate(CONTRAST)) > 10


def test_single_samples_of_every_domain_are_sorted_and_shown(four: Any) -> None:
    with TestClient(make_app(four.store)) as browser:
        for domain in DOMAINS:
            name = four.folder(domain).name
            assert 'href="samples"' in browser.get(f"/runs/{name}/").text
            text = browser.get(f"/runs/{name}/samples").text
            assert 'aria-label="Samples"' in text, (domain, text[-500:])
            first = re.search(r'href="([?][^"]*at=\d+[^"]*)"', text)
            if first is not None:
                shown = browser.get(f"/runs/{name}/samples{first[1].replace('&amp;', '&')}")
                assert "<h3>" in shown.text
        scores = browser.get(f"/runs/{four.folder('anomaly').name}/samples?set=normal&sort=score")
        assert "input" in scores.text
        # Each row shows its own sample: episodes of hci are numbered as they stand.
        episodes = browser.get(f"/runs/{four.folder('hci').name}/samples").text
        told = re.findall(r"at=(\d+)[^>]*>(\d+)</a></th><td[^>]*>(\d+)</td>", episodes)
        assert sorted(int(place) for place, _, _ in told) == list(range(20))
        assert all(place == episode for place, episode, _ in told)
        rounds = [int(number) for _, _, number in told]
        assert rounds == sorted(rounds, reverse=True)
        assert len(set(rounds)) > 1
