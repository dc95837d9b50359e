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
from taskloom.runs.run import list_runs
from taskloom.view.app import make_app

COMMANDS = {
    "anomaly": ["anomaly", "toy_features"],
    "hci": ["hci", "pointing", "--episodes=20", "--user.lapse=0.25"],
    "diffusion": [
        *[
            "diffusion",
            "polymers",
            "--num_polymers=80",
            "--train.steps=3",
            "--evaluate.num_samples=4",
        ],
        *[
            "--denoiser.num_layers=1",
            "--denoiser.width=16",
            "--denoiser.num_heads=2",
            "--evaluate.num_holdout=6",
        ],
    ],
    "control": ["control", "cartpole", "--seconds=0.3"],
}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-?\d+)?")
_EXEMPT = {"h1", "pre", "style", "title", "h2"}
"""Elements whose numbers are none of a result: the task's sentence, and the command, which another test reads back."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one tiny run of each domain, and a second of hci."""
    place = tmp_path_factory.mktemp("four") / "runs"
    for words in [*COMMANDS.values(), ["hci", "pointing", "--episodes=20", "--assistant=none"]]:
        assert main(["run", *words, "--store", str(place), "-q"]) == 0
    return place


def folder_of(store: Path, domain: str) -> Path:
    return min(store.glob(f"*-{domain}-*"))


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


@pytest.mark.parametrize("domain", COMMANDS)
def test_every_number_above_the_evidence_is_in_the_record(
    store: Path, domain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(store, domain)
    capsys.readouterr()
    assert main(["runs", "show", folder.name, "--store", str(store), "--json"]) == 0
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


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")])  # fmt: skip
def test_axe_finds_nothing_and_nothing_overflows(
    tab: Any, store: Path, width: int, scheme: str
) -> None:
    pages = [folder_of(store, domain) / "report.html" for domain in COMMANDS]
    several = [run for run in list_runs(store) if run.domain == "hci"]
    pages.append(write_comparison(several, store / "comparison.html"))
    for page in pages:
        tab.open(page.as_uri(), width=width, scheme=scheme)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
        # Colours and names inside the folds count as well.
        tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        assert tab.violations() == [], page
        assert tab.complaints == []


@pytest.mark.parametrize("domain", COMMANDS)
def test_the_first_900_pixels_answer_the_twelve_questions(
    tab: Any, store: Path, domain: str
) -> None:
    """Domain, task, sentence, components, values, figure, interval, baseline, its value, difference, verdict, command."""
    folder = folder_of(store, domain)
    tab.open((folder / "report.html").as_uri(), width=1280)
    bottom = "Math.max(...[...document.querySelectorAll('header *')].map(x => x.getBoundingClientRect().bottom))"
    assert tab.evaluate(bottom) < 900
    assert tab.evaluate("document.body.scrollHeight") <= 4000
    shown = tab.evaluate("document.querySelector('header').innerText")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    said = record["headline"]
    wanted = [record["domain"], record["task"], said["title"], said["sentence"].replace("`", "")]
    wanted.append(said["no_interval"] or "95 % interval")
    if said["baseline"] is not None:
        wanted += [said["baseline"]["name"], said["baseline"]["command"]]
    wanted += [f"tasks run {' '.join(COMMANDS[domain][:2])}"]
    for value in record["config"].values():
        if isinstance(value, dict) and "kind" in value and domain != "control":
            wanted.append(value["kind"])
    for words in wanted:
        assert words in shown, words


def test_single_samples_of_every_domain_are_sorted_and_shown(store: Path) -> None:
    with TestClient(make_app(store)) as browser:
        for domain in COMMANDS:
            name = folder_of(store, domain).name
            assert 'href="samples"' in browser.get(f"/runs/{name}/").text
            text = browser.get(f"/runs/{name}/samples").text
            assert 'aria-label="Samples"' in text, (domain, text[-500:])
            first = re.search(r'href="([?][^"]*at=\d+[^"]*)"', text)
            if first is not None:
                shown = browser.get(f"/runs/{name}/samples{first[1].replace('&amp;', '&')}")
                assert "<h3>" in shown.text
        scores = browser.get(
            f"/runs/{folder_of(store, 'anomaly').name}/samples?set=normal&sort=score"
        )
        assert "input" in scores.text
