"""The page: complete by itself, escaped, and equal to what the run's folder says."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from taskloom import registry
from taskloom.errors import MissingExtraError, StoreError, UsageError
from taskloom.report import (
    write_comparison,
    write_report,
)
from taskloom.runs import Run
from taskloom.runs.record import Failure

MakeRun = Callable[..., Run]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Reader(HTMLParser):
    """Collects the tags, attributes, ids and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def rows(count: int) -> list[dict[str, float]]:
    return [
        {"step": i, "t": i / 10, "loss": 1 / (i + 1), "auroc/a": 0.5, "auroc/b": i / count}
        for i in range(count)
    ]


def test_a_page_tells_what_the_run_says(make_run: MakeRun) -> None:
    run = make_run(
        rows(30),
        ["It begins.", "It ends."],
        {"curve.png": PNG, "scores.csv": b"1,2\n"},
        tags=("paper",),
    )
    page = read(write_report(run))
    for text in (
        "walk",
        "finished",
        "It walked.",
        "12.25",
        "0.75",
        "0123456789",
        "ffffffffff",
        "paper",
        run.id,
    ):
        assert text in page.text
    for path in ("gait.kind", "gait.speed", "places", "goal"):
        assert path in page.text
    for layer in ("command line", "file base.toml", "default"):
        assert layer in page.text
    for text in (
        "It begins.",
        "scores.csv",
        "4 B",
        "tasks run lab walk --config",
        "'--note=two words'",
        "3.11.7",
    ):
        assert text in page.text
    assert [tag for tag, _ in page.tags].count("svg") == 2


def test_a_page_needs_nothing_from_outside_and_runs_no_script(make_run: MakeRun) -> None:
    page = read(write_report(make_run(rows(5), files={"curve.png": PNG})))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "link", "object", "embed", "base"}
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            address = attributes.get(name, "#")
            # A file inside its own link is downloaded, and nothing is fetched.
            held = ("data:text/",) if "download" in attributes else ()
            assert address.startswith(("#", "data:image/", "artifacts/", *held)), (tag, address)
        assert not [name for name in attributes if name.startswith("on")]
    policies = [
        a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies[0].startswith("default-src 'none';")
    assert "script-src" not in policies[0]


def test_every_text_of_a_run_is_escaped(make_run: MakeRun) -> None:
    run = make_run(
        [{"step": i, "t": 0.0, NASTY: float(i)} for i in range(3)],
        [NASTY],
        {"curve.png": PNG},
        config={"seed": 0, NASTY: NASTY},
        summary=NASTY,
        name=NASTY,
        tags=(NASTY,),
        metrics={NASTY: 1.0},
        argv=(NASTY,),
        sources={NASTY: NASTY},
        failure=Failure(NASTY, NASTY, NASTY),
        host=NASTY,
    )
    page = read(write_report(run))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [a for _, a in page.tags if "onerror" in a]
    assert page.text.count("alert(1)") >= 10


def test_a_page_can_be_read_without_seeing_it(make_run: MakeRun) -> None:
    """Headings in order, one main part, names for pictures and tables, ids only once, anchors that lead somewhere."""
    page = read(write_report(make_run(rows(5), ["x"], {"curve.png": PNG})))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert [tag for tag, _ in page.tags].count("main") == 1
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")
    assert all(a.get("aria-label") for tag, a in page.tags if tag == "svg")
    assert all(a.get("scope") for tag, a in page.tags if tag == "th")
    assert next(a for tag, a in page.tags if tag == "html")["lang"] == "en"
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    anchors = {a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")}
    assert anchors <= set(ids)


def test_a_run_without_anything_still_has_a_page(make_run: MakeRun) -> None:
    run = make_run(metrics={}, summary="", sources={}, argv=(), config={"seed": 0})
    (run.dir / "env.json").unlink()
    (run.dir / "log.jsonl").unlink()
    (run.dir / "metrics.jsonl").unlink()
    page = read(write_report(run))
    assert "Course" not in page.text
    assert "Configuration" in page.text


def test_a_failed_run_opens_with_its_reason(make_run: MakeRun) -> None:
    run = make_run(
        status="failed", failure=Failure("ValueError", "rank is 7", 'File "walk.py", line 3')
    )
    text = read(write_report(run)).text
    assert text.index("ValueError: rank is 7") < text.index("What was run")
    assert 'File "walk.py", line 3' in text
    assert "Where it was raised" not in text


def test_a_refusal_opens_with_its_sentence_and_folds_its_traceback(make_run: MakeRun) -> None:
    failure = Failure(
        "CheckFailedError", "rank is 7", 'File "walk.py", line 3', hint="lower it", foreseen=True
    )
    page = read(write_report(make_run(status="failed", failure=failure, metrics={})))
    assert "CheckFailedError" not in page.text
    assert page.text.index("rank is 7") < page.text.index("lower it")
    assert page.text.index("Where it was raised") < page.text.index('File "walk.py", line 3')
    assert ("details", {}) in page.tags
    assert "All numbers" not in page.text


def test_metrics_that_were_logged_once_are_a_table(make_run: MakeRun) -> None:
    page = read(write_report(make_run([{"step": 3, "t": 0.5, "loss": 3.166}])))
    assert "1 line in metrics.jsonl" in page.text
    assert "Logged once." in page.text
    assert "3.166" in page.text


def test_non_finite_metrics_are_shown_as_such(make_run: MakeRun) -> None:
    run = make_run(
        [{"step": 0, "t": 0.0, "loss": float("nan")}],
        metrics={"a": float("nan"), "b": float("-inf")},
    )
    text = read(write_report(run)).text
    assert "NaN" in text
    assert "\u2212\u221e" in text


LAB = "from taskloom.registry import DomainRef\nDOMAIN = DomainRef('lab', '', '', (), report='labreport:report')\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "from taskloom.report import Text\ndef report(run): return [Text('About ' + run.id)]",
            "About 2026",
        ),
        ("def report(run): 1 / 0", "is left out: ZeroDivisionError: division by zero"),
        ("def report(run): return None", "is left out: TypeError"),
        ("raise SystemExit", "is left out: 'labreport:report' cannot be loaded: SystemExit"),
        ("def report(run): return ['text']", "A block of type str is left out"),
    ],
)
def test_a_domain_adds_its_section_and_cannot_take_the_page_away(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, text: str
) -> None:
    site = tmp_path / "site"
    (site / "lab-1.dist-info").mkdir(parents=True)
    (site / "lab-1.dist-info" / "entry_points.txt").write_text(
        "[taskloom.domains]\nlab = labdomain:DOMAIN\n"
    )
    (site / "labdomain.py").write_text(LAB)
    (site / "labreport.py").write_text(source)
    monkeypatch.syspath_prepend(site)
    registry.refresh()
    try:
        assert text in read(write_report(make_run())).text
    finally:
        monkeypatch.undo()
        registry.refresh()
        for name in ("labdomain", "labreport"):
            sys.modules.pop(name, None)


def test_a_comparison_sets_runs_side_by_side(make_run: MakeRun, tmp_path: Path) -> None:
    one = make_run(rows(5))
    two = make_run(
        rows(9),
        config={
            "seed": 4,
            "gait": {"kind": "fast"},
            "steps": 10,
            "places": ["a", "b"],
            "goal": None,
        },
    )
    page = read(write_comparison([one, two], tmp_path / "both.html"))
    for text in (
        "2 runs compared",
        "k3f9q1",
        "k3f9q2",
        "They differ in gait (slow, fast).",
        "gait=slow",
        "gait=fast",
        "seed",
        "distance",
    ):
        assert text in page.text
    assert "places" not in page.text.partition("What is equal")[0]
    assert [tag for tag, _ in page.tags].count("svg") == 4  # the strip and three curves


def test_an_interactive_comparison_has_charts_that_answer(
    make_run: MakeRun, tmp_path: Path
) -> None:
    runs = [make_run(name=name) for name in ("left", "right")]
    still = write_comparison(runs, tmp_path / "still.html").read_text()
    moving = write_comparison(runs, tmp_path / "moving.html", interactive=True).read_text()
    assert "vega" not in still
    assert "vega" in moving
    assert len(moving) > len(still)


def test_a_comparison_of_one_run_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least two runs, not 1"):
        write_comparison([make_run()], tmp_path / "one.html")


def test_a_page_that_cannot_be_written_is_a_store_error(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no-such-folder"):
        write_report(make_run(), tmp_path / "no-such-folder" / "page.html")


def test_without_the_extra_the_install_line_is_told(make_run: MakeRun) -> None:
    code = (
        "import sys, importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'vl_convert' else find(name, *rest)\n"
        "from taskloom.runs import Run; from taskloom.report import write_report; from pathlib import Path\n"
        "from taskloom.errors import MissingExtraError\n"
        "try: write_report(Run(Path(sys.argv[1])))\n"
        "except MissingExtraError as error: print(error)\n"
    )
    run = make_run()
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.dir)], capture_output=True, text=True, check=True
    )
    assert (
        done.stdout.strip()
        == "A report needs vl_convert, not installed here: pip install 'taskloom[report]'"
    )
    assert MissingExtraError.exit_code == 4
