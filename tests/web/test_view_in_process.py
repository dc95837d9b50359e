"""The viewer asked without a server: columns, groups, charts, samples, progress, large runs, and the static copy."""

# ruff: noqa: ANN401 -- fields of records, and a tab of conftest.py

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from starlette.testclient import TestClient
from taskloom.cli import main
from taskloom.errors import UsageError
from taskloom.headline import Headline
from taskloom.report.sample import thin_rows
from taskloom.runs.record import Failure, RunRecord, write_record
from taskloom.runs.run import Run
from taskloom.runs.thinner import Thinner
from taskloom.view import export as copies
from taskloom.view.app import make_app
from taskloom.view.asked import Asked
from taskloom.view.over_runs import field_at
from taskloom.view.progress import progress_words
from taskloom.view.series import course_of, is_reading

SAID = Headline(
    metric="distance",
    title="Distance",
    value=2.5,
    low=2.25,
    high=2.75,
    unit="m",
    better="higher",
    baseline=None,
    no_baseline="none",
    verdict="none",
    sentence="It walked.",
)


def add_run(store: Path, number: int, **changes: Any) -> Path:
    name = f"20261121-0214{number:02d}-lab-walk-{number:06d}"
    fields: dict[str, Any] = {
        **{"id": name, "domain": "lab", "task": "walk", "version": 1, "identity": f"{number}"},
        **{"config": {"seed": number % 3, "gait": {"kind": "slow" if number < 3 else "fast"}}},
        **{
            "status": "finished",
            "created": f"2026-11-21T02:00:{number:02d}Z",
            "host": "secret-host",
        },
        **{
            "metrics": {"distance": float(number)},
            "headline": SAID.to_json(),
            "cwd": "/lab/private",
        },
    }
    folder = store / name
    (folder / "artifacts").mkdir(parents=True)
    write_record(folder / "run.json", RunRecord(**{**fields, **changes}))
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs of two gaits over three seeds, and one that failed."""
    place = tmp_path_factory.mktemp("view") / "runs"
    for number in range(6):
        add_run(place, number)
    why = Failure("ValueError", "No such gait in /lab/private/gaits.toml.", foreseen=True)
    add_run(place, 6, status="failed", headline=None, metrics={}, failure=why)
    return place


@pytest.fixture(scope="module")
def browser(store: Path) -> Iterator[TestClient]:
    with TestClient(make_app(store)) as client:
        yield client


def test_what_differs_has_a_column_unasked_and_a_failed_run_its_reason(browser: TestClient) -> None:
    text = browser.get("/").text
    for words in (">gait</a>", ">seed</a>", "2.50 (2.25 to 2.75) m", "No such gait in"):
        assert words in text


def test_runs_of_several_tasks_say_what_differs_within_each(tmp_path: Path) -> None:
    for number in range(3):
        add_run(tmp_path, number)
    add_run(tmp_path, 7, task="jump", config={"height": 3})
    text = TestClient(make_app(tmp_path)).get("/").text
    for number in range(3):
        assert f"<td>seed={number}</td>" in text
    assert "height=" not in text


def test_columns_are_kept_in_the_address(browser: TestClient) -> None:
    text = browser.get("/?col=config.gait&col=metrics.distance&col=headline").text
    assert "<td>fast</td>" in text
    assert "col=config.gait&amp;col=metrics.distance&amp;col=headline" in text
    assert ">duration</a>" not in text


_FIELDS = st.sampled_from(["config.gait", "metrics.distance", "headline", "status"])


@given(st.builds(Asked, where=st.sampled_from(["", "status = finished"]), sort=st.sampled_from(["", "-created"]), page=st.integers(1, 99), columns=st.lists(_FIELDS, unique=True).map(tuple), group=st.sampled_from(["", "seed", "sweep"]), x=st.sampled_from(["", "config.seed"]), y=st.sampled_from(["", "metrics.distance"])))  # fmt: skip
def test_an_address_is_the_whole_state(asked: Asked) -> None:
    from urllib.parse import parse_qsl, urlsplit

    assert Asked.of(parse_qsl(urlsplit(asked.address(page=asked.page)).query)) == asked


def test_a_name_that_no_run_has_is_told_with_the_nearest_and_results_stay(
    browser: TestClient,
) -> None:
    text = browser.get("/?col=metrics.distnce").text
    assert "No run here has metrics.distnce. Did you mean metrics.distance?" in text
    assert text.count('type="checkbox"') == 7
    text = browser.get("/?where=" + quote("metrics.distnce > 1")).text
    assert "Did you mean metrics.distance?" in text


def test_runs_are_grouped_by_all_but_the_seed(browser: TestClient) -> None:
    text = browser.get("/?group=seed&where=" + quote("status = finished")).text
    assert ">gait=slow<" in text
    assert ">gait=fast<" in text
    # The mean of 3, 4, 5 with its t interval.
    assert "4.0" in text
    assert "1.5 to 6.5" in text
    assert text.count(">compare</a>") == 2


def test_a_chart_over_runs_links_every_dot(browser: TestClient, store: Path) -> None:
    text = browser.get("/?x=config.seed&y=metrics.distance").text
    assert text.count("<circle") == 6
    assert "6 of 7 runs" in text
    assert all(
        f'/runs/{folder.name}/"' in text for folder in [*store.iterdir()][:1] if folder.is_dir()
    )
    assert "No run has a number under both" in browser.get("/?x=summary&y=status").text


def test_a_choice_of_none_is_a_value_and_not_one_that_is_missing() -> None:
    row = {"config": {"gait": None, "boots": {"kind": "high"}}}
    found = [field_at(row, f"config.{name}") for name in ("gait", "boots", "hat")]
    assert found == ["none", "high", None]


def test_several_fields_are_drawn_side_by_side(browser: TestClient) -> None:
    text = browser.get("/?x=" + quote("config.gait, config.seed, metrics.distance")).text
    assert "Parallel coordinates" in text
    assert "One line a run; a missing value lies below its axis." in text
    assert ">slow<" in text  # of the drawing
    assert ">missing<" in text  # the run that failed has no metric
    assert "No run here has metrics.distnce" in browser.get("/?x=config.seed,metrics.distnce").text


def test_progress_says_how_far_how_fast_and_when_the_news_is_old(tmp_path: Path) -> None:
    run = Run(add_run(tmp_path / "runs", 0, status="running"))
    told = {
        "label": "episodes",
        "done": 50,
        "total": 200,
        "rate": 10.0,
        "left": 15.0,
        "at": time.time(),
    }
    (run.dir / "progress.json").write_text(json.dumps(told))
    assert progress_words(run).startswith("episodes 50/200 (25 %), 10/s, 0:1")
    (run.dir / "progress.json").write_text(json.dumps({**told, "at": time.time() - 40}))
    assert "no news for 0:40" in progress_words(run)
    (run.dir / "progress.json").write_text('{"done": "many"}')
    assert progress_words(run) == "0"
    (run.dir / "progress.json").write_text("{")
    assert progress_words(run) == ""


def write_lines(run: Run, first: int, last: int) -> None:
    with (run.dir / "metrics.jsonl").open("a") as file:
        for step in range(first, last):
            file.write(f'{{"step": {step}, "t": 0.1, "loss": {step % 97}.5, "other": {-step}}}\n')


def test_a_large_run_is_read_beside_the_page_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskloom.view.series.AT_ONCE", 100_000)
    run = Run(add_run(tmp_path / "runs", 0))
    write_lines(run, 0, 20_000)
    assert course_of(run).share < 1
    deadline = time.monotonic() + 200
    while is_reading(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    whole = course_of(run)
    assert (whole.count, whole.share) == (20_000, 1.0)
    assert list(whole.rows) == thin_rows(run.rows())
    write_lines(run, 20_000, 20_100)
    with (run.dir / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20100, "los')  # torn: its writer goes on
    assert course_of(run).count == 20_100
    (run.dir / "metrics.jsonl").write_text('{"step": 0, "t": 0.0, "loss": 1.0}\n')  # begun anew
    assert course_of(run).count == 1


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.floats(-9, 9), min_size=1), max_size=60), st.integers(0, 60))  # fmt: skip
def test_a_thinner_that_was_written_down_goes_on_as_if_it_had_not(
    rows: list[dict[str, float]], at: int
) -> None:
    numbered = [{"step": float(n), **row} for n, row in enumerate(rows)]
    whole, first = Thinner(8), Thinner(8)
    for row in numbered:
        whole.add(row)
    for row in numbered[:at]:
        first.add(row)
    second = Thinner.of(json.loads(json.dumps(first.state())))
    for row in numbered[at:]:
        second.add(row)
    assert second.rows() == whole.rows()
    for name in "ab":
        values = [row[name] for row in numbered if name in row]
        kept = [row[name] for row in whole.rows() if name in row]
        assert (min(kept, default=0), max(kept, default=0)) == (
            min(values, default=0),
            max(values, default=0),
        )


def test_a_copy_opens_from_disk_and_tells_nothing_of_this_machine(
    store: Path, tmp_path: Path
) -> None:
    runs, sweeps = copies.export(store, tmp_path / "copy", ["status = finished"])
    assert (runs, sweeps) == (6, 0)
    pages = [*(tmp_path / "copy").rglob("*.html")]
    assert len(pages) == 7
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for secret in ("secret-host", "/lab/private", str(store), str(tmp_path)):
            assert secret not in text
        assert "<script" not in text
    index = (tmp_path / "copy" / "index.html").read_text(encoding="utf-8")
    links = [part.partition('"')[0] for part in index.split('href="')[1:]]
    assert [link for link in links if link.startswith("runs/") and not (tmp_path / "copy" / link).is_file()] == []  # fmt: skip
    with pytest.raises(UsageError, match="holds something already"):
        copies.export(store, tmp_path / "copy")


def test_a_copy_that_grows_too_large_is_refused_and_leaves_nothing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LARGEST", 40_000)
    with pytest.raises(UsageError, match=r"larger than 40.0 kB: \d of 7 runs"):
        copies.export(store, tmp_path / "copy")
    assert [*tmp_path.iterdir()] == []


def test_export_is_a_command_and_where_needs_it(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["view", "--store", str(store), "--where", "verdict = none"]
    assert main(words) == 2
    assert main([*words, "--export", str(tmp_path / "copy")]) == 0
    assert capsys.readouterr().out.strip().endswith("index.html")
