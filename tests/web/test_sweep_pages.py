"""The viewer's pages of sweeps and searches, asked for without a server."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from taskloom.cli import main
from taskloom.runs.record import RunRecord, write_record
from taskloom.view.app import make_app

# ruff: noqa: ANN401 -- fields of records
NASTY = "<script>document.title = 'owned'</script>"


def add_run(store: Path, number: int, **changes: Any) -> None:
    """Write a run folder as a run leaves it."""
    name = f"20261121-021400-lab-walk-{number:06d}"
    created = f"2026-11-21T02:00:{number:02d}Z"
    record = RunRecord(name, "lab", "walk", 1, "", {}, status="finished", created=created)
    told = {field: getattr(record, field) for field in record.__slots__}
    (store / name).mkdir()
    text = f"run number {number}"
    write_record(store / name / "run.json", RunRecord(**{**told, "summary": text, **changes}))


def add_sweep(store: Path, name: str, **changes: Any) -> Path:
    """Write the folder of a sweep as a sweep leaves it."""
    folder = store / name
    folder.mkdir(parents=True)
    record: dict[str, Any] = {
        **{"format": 1, "id": name, "domain": "lab", "task": "walk", "version": 1, "argv": []},
        **{"created": "2026-11-21T03:00:00Z", "keep_going": True, "resources": {}, "jobs": 1},
        **{"points": [], "executor": "local", "force": False, "sinks": [], "keep_best": ""},
    }
    (folder / "sweep.json").write_text(json.dumps({**record, **changes}))
    return folder


def test_a_sweep_has_a_page_of_its_points(tmp_path: Path) -> None:
    name, store = "20261121-030000-sweep-lab-walk-abcdef", tmp_path
    configs = [{"seed": seed, "gait": gait} for gait in (NASTY, "slow") for seed in (0, 1)]
    points = [{"identity": f"{i}", "config": config} for i, config in enumerate(configs)]
    add_sweep(store, name, points=points)
    for number in range(3):
        changes = {"config": configs[number], "identity": f"{number}", "sweep": name}
        add_run(store, number, **changes, metrics={"distance": number / 10})
    with TestClient(make_app(store)) as browser:
        answer = browser.get(f"/runs/{name}/")  # as `tasks sweep` names its folder
        front, listed = browser.get("/").text, browser.get("/sweeps/").text
        others = [browser.get(f"/sweeps/{other}/").status_code for other in ("none", "20261121-")]
    assert answer.url.path == f"/sweeps/{name}/"
    text = answer.text
    assert "4 points: 3 finished, 1 without a run." in text
    assert NASTY not in text
    assert text.count(">slow<") == 3  # two points, and a line of their mean over the seeds
    assert "0.0 and 0.1" in text  # two seeds tell no interval
    assert f'href="/sweeps/{name}/"' in front
    assert f'href="/sweeps/{name}/"' in listed
    assert others == [404, 404]


def test_a_search_shows_the_best_first(tmp_path: Path) -> None:
    name, store = "20261121-030000-sweep-lab-walk-abcdef", tmp_path
    folder = add_sweep(store, name)
    goal = {"metric": "distance", "is_max": True, "trials": 3, "seed": 0}
    (folder / "search.json").write_text(json.dumps({"goal": goal, "axes": {}, "fixed": {}}))
    values = [0.5, 2.5, math.nan]
    for number, value in enumerate(values):
        add_run(store, number, sweep=name, metrics={"distance": value}, config={"gait": number})
    with TestClient(make_app(store)) as browser:
        text = browser.get(f"/sweeps/{name}/").text
    assert [text.index(f"run number {number}") for number in (1, 0, 2)] == sorted(
        text.index(f"run number {number}") for number in range(3)
    )
    assert text.count(">best<") == 1
    assert "the largest distance" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"points": [{"identity": 7, "config": {}}]},
        {"points": [{"identity": "a", "config": [1]}]},
        {"points": {"a": 1}},
        {"id": [1]},
        {"executor": {"a": 1}, "sinks": 5},
        {"version": "1"},
        {"resources": [1]},
    ],
)
def test_a_damaged_sweep_is_a_sentence_and_no_defect(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    name, good = "20261121-030000-sweep-lab-walk-abcdef", "20261121-030000-sweep-lab-walk-good00"
    add_sweep(tmp_path, name, **changes)
    add_sweep(tmp_path, good)
    with TestClient(make_app(tmp_path)) as browser:
        page, listed = browser.get(f"/sweeps/{name}/"), browser.get("/sweeps/")
    assert page.status_code in (200, 404)
    assert listed.status_code == 200
    assert good in listed.text


def test_a_sweep_is_reported_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The finished runs of its points side by side, named by what differs; `@last-sweep` is the newest."""
    old, name = "20261120-030000-sweep-lab-walk-abcdef", "20261121-030000-sweep-lab-walk-ghijkl"
    add_sweep(tmp_path, old)
    points = [{"identity": f"{i}", "config": {"gait": gait}} for i, gait in enumerate("abc")]
    add_sweep(tmp_path, name, points=points)
    for number, gait in enumerate("ab"):
        changes = {"config": {"gait": gait}, "identity": f"{number}", "sweep": name}
        add_run(tmp_path, number, **changes, metrics={"distance": 1.0})
    for reference in (name, "@last-sweep"):
        page = tmp_path / "page.html"
        assert main(["report", reference, "--store", str(tmp_path), "-o", str(page)]) == 0
        text = page.read_text(encoding="utf-8")
        assert "2 runs compared" in text
        assert "gait=a" in text
    capsys.readouterr()
    assert main(["report", old, "--store", str(tmp_path)]) == 2
    assert "No point of the sweep" in capsys.readouterr().err
    assert main(["report", "@last-sweep", "--store", str(tmp_path / "empty")]) != 0
