"""Runs that are continued: from nothing, from a failure, from a checkpoint, and not by two processes at once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from taskloom import TaskRef
from taskloom.answering import RunRequest, answer
from taskloom.context import Resources
from taskloom.errors import (
    ConfigError,
    RunFailedError,
    StoreLockedError,
    UnknownNameError,
)
from taskloom.lifecycle.create import create_run, identify_asked
from taskloom.lifecycle.decision import Decision, continued
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.registry import LoadedTask, TaskEntry
from taskloom.request import Origin, RunOptions
from taskloom.runs import open_run
from taskloom.runs.locks import acquire
from taskloom_probe.support import load, make_run, steps
from taskloom_probe.tasks import FailConfig, WalkConfig


def test_continue_run_finishes_a_folder_that_was_only_made(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=6))
    assert open_run(str(layout.dir)).status == "created"
    run = continue_run(load("walk"), layout, quiet=True)
    assert run.status == "finished"
    assert steps(run) == [1, 2, 3, 4, 5, 6]


def test_continue_run_of_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    run = run_task(load("walk"), WalkConfig(), RunOptions(store=tmp_path, quiet=True))
    before = run.layout.record.read_bytes()
    assert continue_run(load("walk"), run.layout, quiet=True).status == "finished"
    assert run.layout.record.read_bytes() == before


def test_continue_run_after_a_failure_tries_again(tmp_path: Path) -> None:
    config = FailConfig(first=str(tmp_path / "ready"))
    with pytest.raises(RunFailedError):
        run_task(load("fail"), config, RunOptions(store=tmp_path / "s", quiet=True))
    (tmp_path / "ready").touch()
    run = continue_run(load("fail"), open_run("@last", tmp_path / "s").layout, quiet=True)
    assert (run.status, run.record.attempts, run.record.failure) == ("finished", 2, None)
    assert steps(run) == [1]


def test_continue_run_refuses_another_version_of_the_task(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    newer = LoadedTask(
        TaskEntry("probe", TaskRef("walk", "", "x:y", version=2), ""),
        load("walk").factory,
        WalkConfig,
    )
    with pytest.raises(ConfigError, match="version 1 of 'probe walk', and version 2 is installed"):
        continue_run(newer, layout, quiet=True)


def test_continue_run_refuses_a_config_that_no_longer_fits(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    layout.record.write_text(layout.record.read_text().replace('"scale": 1.0', '"scale": -1.0'))
    with pytest.raises(ConfigError) as caught:
        continue_run(load("walk"), layout, quiet=True)
    where = f"from the record {layout.record}"
    assert caught.value.message == f"--scale=-1.0: must be > 0 (default 1.0, {where})"
    layout.record.write_text(layout.record.read_text().replace('"scale": -1.0', '"scales": 1.0'))
    with pytest.raises(UnknownNameError, match="no parameter 'scales'") as unknown:
        continue_run(load("walk"), layout, quiet=True)
    assert unknown.value.hint == "did you mean --scale?"


def test_what_a_run_goes_on_with_takes_the_place_of_what_it_began_with(tmp_path: Path) -> None:
    began = RunOptions(store=tmp_path, sinks=("wandb",), resources=Resources(cpus=2, time_limit=9))
    run = open_run(str(create_run(load("walk"), WalkConfig(), began).dir))
    asked = RunOptions(
        store=tmp_path, sinks=("mlflow",), keep_best="place:min", resources=Resources(time_limit=5)
    )
    now = identify_asked(load("walk"), WalkConfig(), asked)
    record = continued(Decision("continue", run), now, WalkConfig(), asked).record
    assert (record.sinks, record.keep_best) == (("wandb", "mlflow"), "place:min")
    assert record.resources == Resources(cpus=2, time_limit=5)
    again = continued(Decision("continue", open_run(run.id, tmp_path)), now, WalkConfig()).record
    assert again == record  # nothing is asked for, and nothing is taken away


def test_sinks_of_a_finished_run_are_told_of(tmp_path: Path) -> None:
    said: list[str] = []
    options = RunOptions(store=tmp_path, executor="inline", quiet=True)
    answer(RunRequest(load("walk"), WalkConfig(), options, Origin(), said.append))
    found = answer(
        RunRequest(
            load("walk"), WalkConfig(), replace(options, sinks=("mlflow",)), Origin(), said.append
        )
    )
    assert found.reused
    assert "nothing is sent to mlflow" in said[-1]


def test_second_writer_is_refused(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    lock = acquire(layout.lock)
    with pytest.raises(StoreLockedError):
        continue_run(load("walk"), layout, quiet=True)
    lock.release()
    assert open_run(str(layout.dir)).status == "created"


def test_resume_skips_a_damaged_checkpoint_and_reaches_the_same_end(tmp_path: Path) -> None:
    whole = run_task(load("walk"), WalkConfig(), RunOptions(store=tmp_path / "whole", quiet=True))
    layout = make_run(tmp_path, "walk", WalkConfig())
    first = continue_run(load("walk"), layout, quiet=True)
    # As a crash would leave it: not finished, and with a newest checkpoint that is damaged.
    record = json.loads(layout.record.read_text())
    layout.record.write_text(json.dumps({**record, "status": "running", "metrics": {}}))
    (sorted(layout.checkpoints.iterdir())[-1] / "state.json").write_text("{}")
    assert open_run(str(layout.dir)).status == "crashed"
    again = continue_run(load("walk"), layout, quiet=True)
    assert again.metrics == whole.metrics == first.metrics
    assert steps(again) == steps(whole)
    assert "skipped the checkpoint" in layout.log.read_text()


def test_time_limit_stops_a_resumable_run(tmp_path: Path) -> None:
    from taskloom import Resources

    config = WalkConfig(steps=100_000, pause=0.01)
    run = run_task(
        load("walk"),
        config,
        RunOptions(store=tmp_path, resources=Resources(time_limit=0.3), quiet=True),
    )
    assert (run.status, run.exit_code) == ("stopped", 143)
    assert run.record.duration < 20
