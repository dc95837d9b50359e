"""A run whose record is gone: listed as damaged, and continued to the end that it would have had."""

import json
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.errors import RunCorruptError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.records.folders import Damaged
from taskloom.request import RunOptions
from taskloom.runs import Run, list_runs
from taskloom.runs.index import documents
from taskloom.runs.rebuild import rebuild_record
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig


@pytest.fixture
def interrupted(tmp_path: Path) -> Run:
    """A run that has lost its record."""
    options = RunOptions(store=tmp_path / "runs", quiet=True, tags=["kept"], name="long walk")
    run = run_task(load("walk"), WalkConfig(steps=12, every=4), options)
    run.layout.record.unlink()
    return run


def test_a_run_without_its_record_is_listed_as_damaged(interrupted: Run) -> None:
    store = interrupted.dir.parent
    assert documents(store) == ([], [Damaged(interrupted.id, "run.json missing")])


def test_the_record_is_written_anew_with_all_that_was_asked_for(interrupted: Run) -> None:
    record = rebuild_record(interrupted.dir)
    before = interrupted.record
    assert (record.id, record.identity, record.config) == (
        before.id,
        before.identity,
        before.config,
    )
    assert (record.tags, record.name, record.version) == (("kept",), "long walk", before.version)
    assert record.status == "running"
    assert Run(interrupted.dir).status == "crashed"


def test_a_run_without_checkpoints_says_how_to_run_it_anew(interrupted: Run) -> None:
    for folder in interrupted.layout.checkpoints.iterdir():
        (folder / "manifest.json").unlink()
    with pytest.raises(RunCorruptError, match=r"run\.json is missing") as caught:
        rebuild_record(interrupted.dir)
    assert "config.toml" in caught.value.hint


@pytest.mark.usefixtures("probe_domain")
def test_a_resumed_run_without_its_record_equals_an_undisturbed_one(tmp_path: Path) -> None:
    words = ["run", "probe", "walk", "--steps=12", "--every=4", "--quiet"]
    for store in ("whole", "lost"):
        assert main([*words, f"--store={tmp_path / store}"]) == 0
    (whole,) = list_runs(tmp_path / "whole")
    (lost,) = list_runs(tmp_path / "lost")
    lines = lost.layout.metrics.read_text().splitlines(keepends=True)
    lost.layout.metrics.write_text("".join(lines[:9]))  # as a death behind the step left it
    lost.layout.record.unlink()
    assert main(["resume", lost.id, "--store", str(tmp_path / "lost")]) == 0
    (again,) = list_runs(tmp_path / "lost")
    assert (again.status, again.metrics, again.id) == ("finished", whole.metrics, lost.id)
    assert json.loads(again.layout.record.read_text())["config"] == dict(whole.config)
