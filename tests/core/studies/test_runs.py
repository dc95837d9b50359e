"""Studies of real runs: each is run once, kept, reused, continued, and told in every place that shows it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
from starlette.testclient import TestClient
from taskloom.errors import ConfigError, RunCorruptError, UnknownNameError, UsageError
from taskloom.runs import list_runs
from taskloom.studies.question import StudyQuestion
from taskloom.studies.record import read_study
from taskloom.studies.recorded import open_study, study_of_sweeps
from taskloom.view.app import make_app
from tests_outcome import Outcome

QUIET = tl.RunOptions(quiet=True, executor="inline")
SEEDS = 10
FACTORS = {"steps": [2, 4]}


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with a study of twenty runs that some tests read and others copy."""
    from taskloom.registry import refresh

    refresh()
    store = tmp_path_factory.mktemp("twenty") / "runs"
    # Made before any test, and so before the fixture that puts the probe on the path of children.
    tl.study("probe/walk", FACTORS, range(SEEDS), metric="place", options=_in(store))
    return store


def _in(store: Path, **changes: Any) -> tl.RunOptions:  # noqa: ANN401 -- the options' own types
    return tl.RunOptions(**{"quiet": True, "executor": "inline", "store": store, **changes})


def _folder(store: Path) -> Path:
    (found,) = store.glob("*-sweep-*")
    return found


def test_twenty_real_runs_give_the_table_of_the_function_and_of_their_rows(twenty: Path) -> None:
    runs = {(run.config["steps"], run.config["seed"]): run for run in list_runs(twenty)}
    assert len(runs) == 2 * SEEDS

    def replay(config: Any) -> Mapping[str, float]:  # noqa: ANN401 -- a config of the probe
        return runs[config.steps, config.seed].metrics

    recorded = open_study(_folder(twenty)).to_json()
    simulated = tl.study("probe/walk", FACTORS, range(SEEDS), metric="place", runner=replay)
    rows = [{"steps": s, "seed": b, "place": run.metrics["place"]} for (s, b), run in runs.items()]
    of_rows = tl.Study.of(rows, metric="place")
    for name in ("cells", "comparisons"):
        assert recorded[name] == simulated.to_json()[name] == of_rows.to_json()[name]


def test_a_study_runs_nothing_twice_and_reuses_what_has_finished(
    twenty: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(twenty, tmp_path / "runs")
    before = {run.id for run in list_runs(store)}
    again = tl.study("probe/walk", FACTORS, range(SEEDS), metric="place", options=_in(store))
    assert {row.run for row in again.values.rows} == before == {r.id for r in list_runs(store)}
    more = tl.study(
        "probe/walk", {"steps": [2, 4, 6]}, range(2), metric="steps", options=_in(store)
    )
    assert len(list_runs(store)) == len(before) + 2
    assert [cell.interval.n for cell in more.table] == [2, 2, 2]


def test_runs_of_a_study_and_of_a_sweep_write_no_report_unless_asked(
    twenty: Path, tmp_path: Path
) -> None:
    assert [run for run in list_runs(twenty) if run.layout.report.exists()] == []
    sweep = tl.sweep("probe/walk", {"steps": [2]}, options=_in(tmp_path / "plain"))
    assert not sweep.runs[0].layout.report.exists()
    asked = tl.sweep("probe/walk", {"steps": [2]}, options=_in(tmp_path / "asked", report="yes"))
    assert asked.runs[0].layout.report.exists()
    # Whoever asks for a run by itself gets its page, although it was run by a sweep.
    run = tl.run("probe/walk", steps=2, options=_in(tmp_path / "plain", executor=""))
    assert run.id == sweep.runs[0].id
    assert run.layout.report.exists()
    alone = tl.run("probe/walk", steps=3, options=_in(tmp_path / "plain", report="no", executor=""))
    assert not alone.layout.report.exists()


def test_a_failed_run_is_counted_and_leaves_the_others_alone(tmp_path: Path) -> None:
    factors = {"how": ["value", "exit"]}
    study = tl.study(
        "probe/fail", factors, range(1), metric="x", first=str(tmp_path / "never"), options=QUIET
    )
    assert study.exit_code == 1
    assert {row.value for row in study.values.rows} == {None}
    assert study.table[0].interval.no_interval == "no run has a value"
    assert "missing: how=value seed 0" in study.text()


def test_a_study_that_looks_keeps_its_looks_and_goes_on_after_an_interruption(
    twenty: Path, tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    store = shutil.copytree(twenty, tmp_path / "runs")
    shutil.rmtree(_folder(store))
    asked: dict[str, Any] = {
        "metric": "steps",
        "compare": "steps",
        "options": QUIET,
        "max_seeds": 6,
    }
    study = tl.study("probe/walk", FACTORS, until="decided", **asked)
    assert study.differences[0].outcome == "constant"
    folder = _folder(store)
    record = read_study(folder)
    assert [look.seeds for look in record.looks] == [5, 6]
    assert all(point.run for point in record.points)
    # As a death before the last block leaves it.
    document = json.loads((folder / "study.json").read_text())
    document["points"], document["looks"] = document["points"][:10], []
    (folder / "study.json").write_text(json.dumps(document))
    outcome = tasks("resume", folder.name)
    assert outcome.code == 0, outcome.err
    assert [look.seeds for look in read_study(folder).looks] == [5, 6]
    assert len(list_runs(store)) == 2 * SEEDS
    assert open_study(folder).to_json()["comparisons"] == study.to_json()["comparisons"]


def test_the_command_line_asks_the_same_and_gets_the_same(
    twenty: Path, tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    store = shutil.copytree(twenty, tmp_path / "runs")
    words = ("study", "probe", "walk", "--steps=2,4", "--metric", "place", "--executor=inline")
    outcome = tasks(*words, "--json", "--required", "half_width=0.5")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    expected = open_study(_folder(twenty)).to_json()
    assert document["comparisons"] == expected["comparisons"]
    assert document["cells"] == expected["cells"]
    assert document["required"]["2 - 4"]["seeds"] > 1
    assert len(list_runs(store)) == 2 * SEEDS
    made = store / document["study"]
    page = (made / "report.html").read_text()
    assert "2 and 4 are not shown to differ" in page
    assert "p (Holm)" not in page
    assert "p by t" not in page
    assert ">p<" not in page
    text = tasks("study", made.name)
    assert text.out.startswith("place: 2 combinations x 10 seeds (0 to 9); intervals: t\n")
    assert "p by t" in text.out
    assert tasks("study", made.name, "--format=latex").out.count("\\begin{tabular}") == 2
    other = tasks("study", made.name, "--metric=steps", "--format=csv")
    assert "comparison" in other.out, other.err


def test_sweeps_without_a_question_can_be_asked_one(
    twenty: Path, tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    store = shutil.copytree(twenty, tmp_path / "runs")
    shutil.rmtree(_folder(store))
    for seeds in ((0, 1), (2,)):
        sweep = tl.sweep("probe/walk", {"steps": [2, 4], "seed": seeds}, options=QUIET)
        assert [cell.levels for cell in tl.Study.of(sweep, metric="place").table] == [
            {"steps": 2},
            {"steps": 4},
        ]
        of_frame = tl.Study.of(sweep.frame(), metric="place")
        assert [cell.levels for cell in of_frame.table] == [{"steps": 2}, {"steps": 4}]
    names = [path.name for path in sorted(store.glob("*-sweep-*"))]
    outcome = tasks("study", *names, "--metric=place", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["seeds"] == [0, 1, 2]
    assert [cell["steps"] for cell in document["cells"]] == [2, 4]
    folders = [tmp_path / "runs" / name for name in names]
    with pytest.raises(UnknownNameError, match="no metric 'plaice'"):
        study_of_sweeps(folders, StudyQuestion(metric="plaice"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps=2,3",), "A study needs --metric"),
        (("--steps=2,3", "--metric=place", "--compare=step"), "no factor 'step'; it has steps"),
        (("--steps=2,3", "--metric=place", "--baseline=4"), "'steps' has no level '4'"),
        (("--steps=2,3", "--metric=place", "--seed=0:0.5:0.1"), "seeds are whole numbers"),
        (("--steps=2,3", "--metric=place", "--until=clear"), "--until is 'clear'"),
        (("--steps=2,3", "--metric=place", "--format=xml"), "--format is 'xml'"),
        (("--steps=2,3", "--metric=place", "--required=many"), "--required is 'many'"),
        (("--steps=0,3", "--metric=place"), "--steps=0"),
        (("--pause=0,0.1", "--metric=place"), "are the same run: pause=0.0 and pause=0.1"),
        (("--steps=2,3", "--metric=place", "--interval=bootstrap"), "needs 20 seeds or more"),
        (("--steps=linear:2:3", "--metric=place"), "a factor has levels"),
        (("--metric=place", "--until=decided"), "needs something to compare"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    outcome = tasks("study", "probe", "walk", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert list(tmp_path.glob("runs/*-*")) == []


def test_neither_a_task_nor_a_sweep_is_refused(tasks: Callable[..., Outcome]) -> None:
    outcome = tasks("study", "prob", "--metric=place")
    assert outcome.code == 2
    assert "prob" in outcome.err


def test_a_dry_run_shows_every_point_and_makes_nothing(
    tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    words = ("study", "probe", "walk", "--steps=2,3", "--seed=0:2", "--metric=place", "--dry-run")
    outcome = tasks(*words)
    assert outcome.out.count("would run") == 4
    assert "steps=3 seed=1" in outcome.out
    assert [row["seed"] for row in json.loads(tasks(*words, "--json").out)] == [0, 0, 1, 1]
    assert not (tmp_path / "runs").exists()


def test_the_viewer_lists_studies_and_shows_one(twenty: Path) -> None:
    client = TestClient(make_app(twenty))
    name = _folder(twenty).name
    for place in ("/sweeps/", f"/sweeps/{name}/"):
        assert f'href="/studies/{name}/"' in client.get(place).text
    page = client.get(f"/studies/{name}/")
    assert page.status_code == 200
    assert "2 - 4" in page.text
    assert f"/runs/{list_runs(twenty)[0].id}/" in page.text
    assert re.search(r"</a> \w+=\w+, seed \d+</li>", page.text)
    assert client.get("/studies/elsewhere/").status_code == 404


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "[]",
        '{"format": 2}',
        '{"format": 1, "question": {}, "factors": [], "seeds": [], "points": [], "looks": []}',
        '{"format": 1, "question": {"metric": 3}, "factors": [], "seeds": [], "points": [], "looks": []}',
        '{"format": 1, "question": {"metric": "m"}, "factors": ["a"], "seeds": [], "points": [{"identity": "x", "levels": [], '
        '"seed": 0, "run": ""}], "looks": []}',
    ],
)
def test_a_damaged_record_is_named_and_hides_nothing_else(
    damage: str, twenty: Path, tmp_path: Path, tasks: Callable[..., Outcome]
) -> None:
    store = shutil.copytree(twenty, tmp_path / "runs")
    folder = _folder(store)
    (folder / "study.json").write_text(damage)
    with pytest.raises(RunCorruptError, match=r"study\.json is damaged"):
        read_study(folder)
    outcome = tasks("study", folder.name)
    assert outcome.code == 5
    client = TestClient(make_app(store))
    assert client.get(f"/studies/{folder.name}/").status_code == 404
    assert folder.name in client.get("/sweeps/").text


def test_a_secret_is_no_factor(twenty: Path) -> None:
    del twenty
    with pytest.raises((UsageError, ConfigError)):
        tl.study("probe/walk", {"seed": [1, 2]}, metric="place", options=QUIET)
