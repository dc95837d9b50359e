"""References to runs, the derived status, and what a copied or damaged folder shows."""

import json
import shutil
from pathlib import Path

import pytest
from taskloom.errors import RunCorruptError, RunNotFoundError
from taskloom.runs import list_runs, open_run, scan
from taskloom.runs.locks import acquire
from taskloom.runs.record import RunRecord, write_record


def _make(
    store: Path, name: str, status: str = "finished", created: str = "", **changes: object
) -> Path:
    folder = store / name
    folder.mkdir(parents=True)
    record = RunRecord(
        name, "probe", "walk", 1, "abc", {"steps": 3}, status=status, created=created, **changes
    )  # type: ignore[arg-type]
    write_record(folder / "run.json", record)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    _make(tmp_path, "20260101-000000-probe-walk-aaaaaa", created="2026-01-01T00:00:00Z")
    _make(tmp_path, "20260102-000000-probe-walk-bbbbbb", created="2026-01-02T00:00:00Z")
    _make(tmp_path, "20260103-000000-probe-wait-cccccc", created="2026-01-03T00:00:00Z")
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "end"),
    [
        ("20260101-000000-probe-walk-aaaaaa", "a"),
        ("20260102", "b"),
        ("cccccc", "c"),
        ("@last", "c"),
        ("@-1", "c"),
        ("@-3", "a"),
    ],
)
def test_open_run_finds(store: Path, reference: str, end: str) -> None:
    assert open_run(reference, store).id.endswith(end)


def test_open_run_accepts_a_path(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store / "20260101-000000-probe-walk-aaaaaa"
    assert open_run(str(folder)).id == folder.name
    monkeypatch.chdir(folder)
    assert open_run(".").dir == folder


@pytest.mark.parametrize(
    "reference",
    ["2026", "20260109", "@-4", "@0", "@first", "@--1", "", "../x", "aaaaab", "\x00", "@-\u00b2"],
)
def test_open_run_refuses_in_one_sentence(
    store: Path, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store)  # so that a path leads to nothing
    with pytest.raises(RunNotFoundError) as caught:
        open_run(reference, store)
    assert "\n" not in caught.value.message


def test_open_run_suggests_the_nearest(store: Path) -> None:
    with pytest.raises(RunNotFoundError) as caught:
        open_run("20260101-000000-probe-walk-aaaaab", store)
    assert caught.value.hint == "Did you mean 20260101-000000-probe-walk-aaaaaa?"


def test_open_run_of_an_empty_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="holds no runs"):
        open_run("x", tmp_path / "absent")


def test_open_run_that_is_truncated_names_the_file(store: Path) -> None:
    path = store / "20260101-000000-probe-walk-aaaaaa" / "run.json"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunCorruptError, match=r"run\.json is damaged"):
        open_run("aaaaaa", store)


def test_scan_keeps_the_readable_and_reports_the_rest(store: Path) -> None:
    (store / "20260101-000000-probe-walk-aaaaaa" / "run.json").write_text("{")
    (store / "not-a-run").mkdir()
    runs, broken = scan(store)
    assert [run.id[-1] for run in runs] == ["b", "c"]
    assert len(broken) == 1
    assert len(list_runs(store)) == 2


def test_status_is_derived_from_the_lock(tmp_path: Path) -> None:
    folder = _make(tmp_path, "r-run", status="running")
    lock = acquire(folder / "lock")
    assert open_run("r-run", tmp_path).status == "running"
    lock.release()
    assert open_run("r-run", tmp_path).status == "crashed"
    assert json.loads((folder / "run.json").read_text())["status"] == "running"


def test_status_of_a_run_that_ends_while_it_is_looked_at(tmp_path: Path) -> None:
    folder = _make(tmp_path, "r-run", status="running")
    run = open_run("r-run", tmp_path)
    shutil.rmtree(folder)
    _make(tmp_path, "r-run", status="finished", metrics={"a": 1.0})
    assert run.status == "finished"
    assert run.metrics == {"a": 1.0}


def test_history_reads_numbers_that_json_lacks(tmp_path: Path) -> None:
    folder = _make(tmp_path, "r-h")
    (folder / "metrics.jsonl").write_text(
        '{"step": 1, "t": 0.5, "loss": "Infinity"}\n{"step": 2, "t": 1, "note": "x"}\n{"st'
    )
    assert open_run("r-h", tmp_path).history() == [
        {"step": 1.0, "t": 0.5, "loss": float("inf")},
        {"step": 2.0, "t": 1.0},
    ]


def test_artifacts_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = _make(
        tmp_path,
        "r-a",
        artifacts={"good": "artifacts/a.txt", "bad": "../../etc/passwd", "root": "/etc/passwd"},
    )
    assert open_run("r-a", tmp_path).artifacts == {"good": folder / "artifacts/a.txt"}


def test_copied_run_opens_anywhere(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "renamed folder"
    shutil.copytree(store / "20260101-000000-probe-walk-aaaaaa", copy)
    assert open_run(str(copy)).id == "20260101-000000-probe-walk-aaaaaa"
