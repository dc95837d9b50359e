"""Comparing, tagging, removing and exporting runs."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from taskloom.errors import RunCorruptError, StoreError, StoreLockedError, UsageError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.request import RunOptions
from taskloom.runs import Run, find_run, open_run
from taskloom.runs.compare import compare_runs
from taskloom.runs.edit import tag_run
from taskloom.runs.export import history_rows, run_rows, to_csv
from taskloom.runs.locks import acquire
from taskloom.runs.removal import remove_runs
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    configs = [WalkConfig(steps=3), WalkConfig(steps=4, seed=1)]
    return [
        run_task(load("walk"), config, RunOptions(store=tmp_path, quiet=True)) for config in configs
    ]


def test_compare_shows_what_differs_and_every_metric(runs: list[Run]) -> None:
    found = compare_runs(runs)
    assert found.ids == (runs[0].id, runs[1].id)
    assert found.parameters == {"seed": (0, 1), "steps": (3, 4)}
    assert found.metrics["steps"] == (3.0, 4.0)


def test_tags_are_added_once_and_removed(runs: list[Run]) -> None:
    assert tag_run(runs[0], ["a", "b", "a"]) == ("a", "b")
    assert tag_run(open_run(str(runs[0].dir)), ["c"], ["a"]) == ("b", "c")
    assert open_run(str(runs[0].dir)).record.tags == ("b", "c")


@pytest.mark.parametrize("tag", ["", " ", "a\nb", "\x1b[2J", "x" * 101])
def test_hostile_tags_are_refused(runs: list[Run], tag: str) -> None:
    with pytest.raises(UsageError):
        tag_run(runs[0], [tag])


def test_running_run_is_neither_tagged_nor_removed(runs: list[Run]) -> None:
    lock = acquire(runs[0].layout.lock)
    with pytest.raises(StoreLockedError):
        tag_run(runs[0], ["a"])
    with pytest.raises(StoreLockedError):
        remove_runs([runs[0].dir], runs[0].dir.parent)
    lock.release()
    assert runs[0].dir.exists()


def test_removed_run_is_gone(runs: list[Run]) -> None:
    remove_runs([runs[0].dir], runs[0].dir.parent)
    assert not runs[0].dir.exists()
    store = runs[0].dir.parent
    assert {path.name for path in store.iterdir() if path.is_dir()} >= {runs[1].id, ".trash"}
    assert list((store / ".trash").iterdir()) == []
    assert [path.name for path in runs[0].dir.parent.iterdir() if path.name[0].isdigit()] == [
        runs[1].id
    ]


def test_removing_never_follows_a_link(runs: list[Run], tmp_path: Path) -> None:
    link = tmp_path / "link-to-run"
    link.symlink_to(runs[0].dir)
    with pytest.raises(StoreError, match="symbolic link"):
        remove_runs([link], tmp_path)
    assert runs[0].dir.exists()


def test_damaged_run_can_be_removed_and_hides_no_other(runs: list[Run]) -> None:
    store = runs[0].dir.parent
    damaged = store / "20991121-000000-probe-walk-zzzzzz"
    damaged.mkdir()
    (damaged / "run.json").write_text('{"torn')
    assert open_run("@last", store).id == runs[1].id
    assert open_run("@-2", store).id == runs[0].id
    with pytest.raises(RunCorruptError):
        open_run(damaged.name, store)
    remove_runs([find_run(damaged.name, store)], store)
    assert not damaged.exists()


def test_removing_takes_no_folder_that_merely_holds_such_a_file(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "run.json").write_text("{}")
    with pytest.raises(RunCorruptError):
        remove_runs([find_run(str(project))], tmp_path)
    assert project.exists()


def test_comparison_tells_of_another_version_and_another_commit(runs: list[Run]) -> None:
    assert compare_runs(runs).facts == {}
    newer = Run(runs[1].dir, replace(runs[1].record, version=7))
    newer.layout.environment.write_text(
        json.dumps({"python": "3.13.1", "git": {"sha": "abcdef0123456789", "dirty": True}})
    )
    runs[0].layout.environment.write_text(json.dumps({"python": "3.13.1", "git": {}}))
    assert compare_runs([runs[0], newer]).facts == {
        "version": ("1", "7"),
        "commit": ("", "abcdef0123+changes"),
    }
    newer.layout.environment.write_text("torn")
    assert compare_runs([runs[0], newer]).facts["version"] == ("1", "7")


def test_export_has_one_row_for_each_run_with_all_columns(runs: list[Run]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(run_rows(runs)))))
    assert [row["config.steps"] for row in rows] == ["3", "4"]
    assert float(rows[0]["metrics.place"]) == runs[0].metrics["place"]


def test_export_of_the_history_has_one_row_for_each_line(runs: list[Run]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(history_rows(runs)))))
    assert len(rows) == 7
    assert [float(row["place"]) for row in rows[:3]] == [
        line["place"] for line in runs[0].history()
    ]


def test_export_defuses_spreadsheet_formulas() -> None:
    text = to_csv([{"=cmd()": "=HYPERLINK(1)", "b": "-Infinity", "c": [1, "x"], "d": None}])
    assert text == '\'=cmd(),b,c,d\n\'=HYPERLINK(1),-Infinity,"[1, ""x""]",\n'
