"""`tasks runs why`, `ls --stale` and `prune`: which runs still hold, and why others do not."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.identity.filecache import FileCache
from taskloom.identity.identify import changed_inputs
from taskloom.identity.prune import prune
from taskloom.identity.records import Input
from taskloom.identity.stale import Staleness, with_staleness
from taskloom.runs.record import write_record
from taskloom.runs.run import Run, list_runs, open_run

FIRST_RELEASE = Path(__file__).parent / "first_release"
MANIFEST = """
from taskloom import DomainRef, TaskRef
DOMAIN = DomainRef(name="why", summary="A case.", extra="", tasks=(TaskRef("one", "One.", "why_task:One"),))
"""
TASK = """
from pathlib import Path
from taskloom import Config, Result, RunContext

class One(Config):
    data: Path = Path("data.csv")
    factor: float = 1.0

    def run(self, ctx: RunContext) -> Result:
        return Result({"value": self.factor * float(Path("data.csv").read_text())})
"""


@pytest.fixture
def place(install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with data, a store, and a task installed; the current one."""
    install(
        "why-case",
        "[taskloom.domains]\nwhy = why_manifest:DOMAIN\n",
        why_manifest=MANIFEST,
        why_task=TASK,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASKS_STORE", str(tmp_path / "runs"))
    (tmp_path / "data.csv").write_text("2")
    return tmp_path


def run(*words: str) -> Run:
    """Run the task, and return the run with its data among its inputs."""
    assert main(["run", "why", "one", "--quiet", *words]) == 0
    made = list_runs()[-1]
    with FileCache() as files:
        sha = files.digest(Path("data.csv"))
    found = Input("data", "data.csv", str(Path("data.csv").absolute()), "data.csv", "file", 1, sha)
    kept = made.record.inputs or (found,)
    write_record(
        made.layout.record,
        replace(made.record, config_id=made.record.config_id or "c", inputs=kept),
    )
    return open_run(made.id)


def why(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["runs", "why", *words])
    return code, capsys.readouterr().out


def test_data_beside_the_code_that_is_an_input_is_one_difference(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = place / "site-why-case"
    monkeypatch.chdir(beside)
    (beside / "data.csv").write_text("2")
    made = run()
    (beside / "data.csv").write_text("3")
    code, told = why(capsys, made.id)
    assert (code, told.count("data.csv")) == (3, 1), told
    assert main(["run", "why", "one"]) == 0
    assert capsys.readouterr().err.count("data.csv") == 1


def test_run_is_the_same_as_now_until_something_changes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run()
    assert why(capsys, made.id) == (0, f"{made.id} and now: the same computation\n")
    (place / "data.csv").write_text("3")
    assert why(capsys, made.id) == (3, f"inputs:\n  data.csv changed since {made.id}\n")


def test_two_runs_are_compared_in_sections(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = run(), run("--factor=2.0")
    code, text = why(capsys, first.id, second.id)
    assert (code, text) == (3, "config:\n  factor 1.0 -> 2.0\n")
    code, text = why(capsys, first.id, first.id, "--json")
    assert (code, json.loads(text)["same"]) == (0, True)


def test_default_that_changed_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = run("--factor=3.0")
    sources = {**made.record.sources, "factor": "default"}
    write_record(made.layout.record, replace(made.record, sources=sources))
    assert why(capsys, made.id) == (3, "config:\n  default of factor 3.0 -> 1.0\n")


def test_difference_of_the_code_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = run()
    task = next(place.glob("site-*")) / "why_task.py"
    task.write_text(TASK.replace("self.factor *", "2 * self.factor *"))
    # This process has loaded the module, so for it the code is as it was: a fresh one is asked.
    from taskloom.identity import code as noted

    kept = dict(noted._noted)
    try:
        noted._noted.clear()
        status, text = why(capsys, made.id, "--diff")
    finally:
        noted._noted.update(kept)
    assert status == 3
    assert "code changed" in text
    assert '+        return Result({"value": 2 * self.factor' in text


def test_listing_verifies_each_input_once(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = [run(f"--factor={number}") for number in (1, 2, 3)]
    (place / "data.csv").write_text("3")
    seen: list[Path] = []
    real = FileCache.digest

    def digest(files: FileCache, path: Path, found: os.stat_result | None = None) -> str:
        seen.append(path)
        return real(files, path, found)

    monkeypatch.setattr(FileCache, "digest", digest)
    rows = with_staleness(place / "runs", [{"folder": item.id} for item in fresh])
    assert [row["stale"] for row in rows] == [["inputs"]] * 3
    assert len([path for path in seen if path.name == "data.csv"]) == 1
    capsys.readouterr()
    assert main(["runs", "ls", "--where", 'stale = "inputs" and config.factor = 2', "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert (row["id"], row["stale"]) == (fresh[1].id, ["inputs"])
    assert main(["runs", "ls", "--stale"]) == 0
    assert capsys.readouterr().out.count("inputs") == 3


def test_store_of_the_first_release_opens_and_is_never_reused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = shutil.copytree(FIRST_RELEASE, tmp_path / "runs")
    (old,) = list_runs(store)
    assert (old.status, old.metrics["rounds/mean"], old.record.config_id) == ("finished", 14.8, "")
    with FileCache() as files:
        (reason,) = Staleness(store, files).reasons(old)
    assert reason.sentence == f"{old.id} was recorded by an older taskloom"
    assert main(["runs", "why", old.id, "--store", str(store)]) == 3


def test_inputs_that_the_run_wrote_do_not_count() -> None:
    made = Input("out", "o.csv", "/o.csv", "o.csv", "absent", written=True)
    now = Input("out", "o.csv", "/o.csv", "o.csv", "file", 1, "sha")
    assert list(changed_inputs([made], [now], "r")) == []
    assert [reason.sentence for reason in changed_inputs([], [now], "r")] == [
        "o.csv is new since r"
    ]


def test_prune_removes_only_what_no_run_names(place: Path) -> None:
    made = run()
    store = place / "runs"
    old = store / ".code" / "ab" / ("ab" * 32)
    old.parent.mkdir(exist_ok=True)
    old.write_text("gone")
    os.utime(old, (time.time() - 200_000,) * 2)
    fresh = old.with_name("ac" * 32)
    fresh.write_text("just written")
    sources = {path for path in (store / ".code").rglob("*") if path.is_file()}
    assert prune(store, dry=True)[0].files == 1
    assert old.exists()
    assert prune(store)[0].files == 1
    assert {path for path in (store / ".code").rglob("*") if path.is_file()} == sources - {old}
    assert not (store / ".cache").exists()
    assert open_run(made.id).status == "finished"
