"""What is asked for reaches the record: no option is lost between the call, the sweep, the run and their files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from taskloom import Resources, RunOptions
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.lifecycle import run_task
from taskloom.records.documents import read_object
from taskloom.records.run_record import read_record
from taskloom.request import KeptOptions, Origin
from taskloom.runs import open_run
from taskloom.runs.record import RunRecord, write_record
from taskloom.runs.writer import atomic_write_json
from taskloom.sweeps.expand import Choices, Plan
from taskloom.sweeps.record import create_sweep, read_sweep
from taskloom.sweeps.sweep import plan_points, run_sweep
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig

pytestmark = pytest.mark.usefixtures("probe_domain")

KEPT = {item.name for item in fields(KeptOptions)}
OF_THE_CALL = {
    "accept",
    "accept_changes",
    "capture",
    "claimed",
    "fresh",
    "quiet",
    "task_domain",
    "resume",
    "store",
}
"""Options of a call that no record keeps: they say what this process does and takes, and the folder is in its store."""


class Silent:
    """A watcher that does nothing."""

    def placed(self, folder: Path, attempt: int, /) -> None: ...

    def ended(self, run: object, /) -> None: ...

    def tick(self) -> None: ...


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    """Every option at a value that is not its default."""
    parent = run_task(load("walk"), WalkConfig(seed=7), RunOptions(store=tmp_path, quiet=True))
    asked: dict[str, Any] = {
        "name": "mine",
        "tags": ("a", "b"),
        "parent": parent.id,
        "sinks": (),
        "keep_best": "place:max",
        "report": "no",
        "resources": Resources(2, 1, 1, 2**30, 60.0),
        "store": tmp_path,
        "executor": "inline",
        "jobs": 3,
        "force": True,
        "resume": False,
        "fresh": True,
        "accept": True,
        "accept_changes": True,
        "claimed": "skip",
        "inputs": "mtime",
        "cwd": tmp_path,
        "capture": "no",
        "task_domain": "lab",
        "quiet": True,
    }
    assert set(asked) == {item.name for item in fields(RunOptions)}, "give the new option a value"
    return RunOptions(**asked)


def test_every_kept_option_reaches_the_record_of_a_run(options: RunOptions) -> None:
    origin = Origin(("tasks", "run"), {"steps": "command line"}, "sweep-1")
    record = read_record(create_run(load("walk"), WalkConfig(), options, origin).record)
    for name in KEPT:
        assert getattr(record, name) == getattr(options, name), name
    assert (record.argv, record.sources, record.sweep) == (
        ("tasks", "run"),
        {"steps": "command line"},
        "sweep-1",
    )


def test_every_option_reaches_the_record_of_a_sweep_and_of_its_runs(
    options: RunOptions, tmp_path: Path
) -> None:
    points = plan_points(load("walk"), Plan({"steps": Choices(("2", "3"))}), {})
    made = create_sweep(load("walk"), points, options, Origin(("tasks", "sweep")), keep_going=False)
    record = read_sweep(tmp_path / made.id)
    assert record == made
    assert not record.keep_going
    for item in fields(RunOptions):
        if item.name not in OF_THE_CALL:
            assert getattr(record.options, item.name) == getattr(options, item.name), item.name
    swept = run_sweep(load("walk"), record, tmp_path, Silent())
    for run in swept.runs:
        for name in KEPT:
            assert getattr(run.record, name) == getattr(options, name), name
        assert (run.record.sweep, run.record.argv) == (made.id, ("tasks", "sweep"))


def test_every_field_of_a_record_survives_the_disk(options: RunOptions, tmp_path: Path) -> None:
    layout = create_run(load("walk"), WalkConfig(), options)
    record = read_record(layout.record)
    written = read_object(layout.dir, "run.json")
    assert set(written) == {"format", *(item.name for item in fields(RunRecord))}
    write_record(layout.record, record)
    assert read_object(layout.dir, "run.json") == written
    # A record of a version that knew neither sinks nor the best checkpoint.
    for name in ("sinks", "keep_best"):
        del written[name]
    atomic_write_json(layout.record, written)
    assert (read_record(layout.record).sinks, read_record(layout.record).keep_best) == ((), "")


def test_the_record_of_a_sweep_keeps_its_form(options: RunOptions, tmp_path: Path) -> None:
    made = create_sweep(load("walk"), [], RunOptions(store=tmp_path, executor="inline"))
    written = read_object(tmp_path / made.id, "sweep.json")
    assert set(written) == {
        *("format", "id", "domain", "task", "version", "points", "force", "executor", "jobs"),
        *("keep_going", "resources", "sinks", "keep_best", "argv", "created", "cwd"),
    }
    assert (written["format"], written["executor"], written["jobs"]) == (1, "inline", 0)
    # Options that a command line cannot give a sweep are written where they were given.
    tagged = create_sweep(load("walk"), [], options)
    assert read_object(tmp_path / tagged.id, "sweep.json")["tags"] == ["a", "b"]


def test_a_sweep_is_local_and_a_run_inline_unless_asked_otherwise(tmp_path: Path) -> None:
    from taskloom.placement.options import checked_options

    assert checked_options(RunOptions()).executor == "inline"
    made = create_sweep(load("walk"), [], RunOptions(store=tmp_path))
    assert read_sweep(tmp_path / made.id).options.executor == "local"


def test_options_take_lists_and_single_words() -> None:
    assert RunOptions(tags=["a", "b"]) == RunOptions(tags=("a", "b"))
    assert RunOptions(sinks="mlflow").sinks == ("mlflow",)


def test_parent_is_recorded_by_its_whole_id(options: RunOptions, tmp_path: Path) -> None:
    from taskloom.placement.options import checked_options

    short = RunOptions(store=tmp_path, parent=options.parent[-6:])
    assert checked_options(short).parent == open_run(options.parent, tmp_path).id
