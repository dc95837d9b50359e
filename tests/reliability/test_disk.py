"""Disks that are full or read-only: a clear error with exit code 5, and the previous record intact."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom import Config, Result, RunContext, TaskRef
from taskloom.errors import StoreError
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.records.documents import read_lines
from taskloom.registry import LoadedTask, TaskEntry
from taskloom.request import RunOptions
from taskloom.runs import list_runs, open_run
from taskloom.runs.index import documents
from taskloom_probe.support import load, make_run
from taskloom_probe.tasks import WalkConfig

Mount = Callable[[str], Path]


class FillConfig(Config):
    """Filling a disk."""

    what: str = "metrics"
    """What to fill it with: metrics, artifact or checkpoint."""


class Fill:
    """Writes until the disk is full."""

    def __init__(self, config: FillConfig) -> None:
        self._config = config

    @property
    def config(self) -> FillConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        for step in range(20_000):
            if self._config.what == "metrics":
                ctx.log(step, **{f"metric_number_{index}": 1 / 3 for index in range(50)})
            elif self._config.what == "checkpoint":
                with ctx.checkpoint(step) as folder:
                    (folder / "state.bin").write_bytes(b"x" * 200_000 * step)
            else:
                ctx.artifact(f"{step}.bin").write_bytes(b"x" * 200_000)
        raise AssertionError("the disk was never full")


FILL = LoadedTask(TaskEntry("probe", TaskRef("fill", "Fills.", "x:y"), ""), Fill, FillConfig)


def test_full_disk_while_logging_is_a_store_error_and_whole_lines_stay(mount: Mount) -> None:
    # The run keeps what differs from the last commit as well: up to 1 MB of it, and a list of all code.
    disk = mount("8m")
    with pytest.raises(StoreError, match="no space is left") as caught:
        run_task(FILL, FillConfig(), RunOptions(store=disk, quiet=True))
    assert caught.value.exit_code == 5
    run = list_runs(disk)[0]
    # The record could not be replaced, so the one before it stands, and the lock tells the rest.
    assert run.status in ("crashed", "failed")
    rows = list(read_lines(run.dir, "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert rows
    assert run.layout.metrics.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("what", ["artifact", "checkpoint"])
def test_full_disk_elsewhere_fails_the_run_and_keeps_the_record_readable(
    mount: Mount, what: str
) -> None:
    disk = mount("8m")  # as above: the list of all code of a long test session does not fit into 2
    with pytest.raises((StoreError, Exception)) as caught:
        run_task(FILL, FillConfig(what=what), RunOptions(store=disk, quiet=True))
    assert "no space" in str(caught.value).lower()
    run = list_runs(disk)[0]
    assert run.status in ("crashed", "failed")


def test_full_disk_before_the_run_leaves_nothing_half_written(mount: Mount) -> None:
    disk = mount("64k")
    (disk / "ballast").write_bytes(b"x" * 60_000)
    with pytest.raises(StoreError):
        run_task(load("walk"), WalkConfig(), RunOptions(store=disk / "store", quiet=True))
    assert list_runs(disk / "store") == []
    assert os.listdir(disk / "store") == [] if (disk / "store").exists() else True


def test_run_whose_disk_was_full_resumes_when_there_is_room(mount: Mount) -> None:
    disk = mount("300k")
    layout = make_run(disk, "walk", WalkConfig(steps=400, every=100))
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 220_000)
    with pytest.raises(StoreError):
        continue_run(load("walk"), layout, quiet=True, report=False)
    ballast.unlink()
    run = continue_run(load("walk"), layout, quiet=True, report=False)
    whole = run_task(
        load("walk"),
        WalkConfig(steps=400, every=100),
        RunOptions(store=disk.parent / "whole", quiet=True),
    )
    assert run.metrics == whole.metrics
    assert [int(row["step"]) for row in run.history()] == list(range(1, 401))


def test_read_only_store_can_be_read_and_refuses_runs_in_a_sentence(mount: Mount) -> None:
    disk = mount("4m")
    run = run_task(load("walk"), WalkConfig(steps=3), RunOptions(store=disk, quiet=True))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        with pytest.raises(StoreError, match="read-only file system") as caught:
            run_task(load("walk"), WalkConfig(steps=4), RunOptions(store=disk, quiet=True))
        assert caught.value.exit_code == 5
        assert "\n" not in caught.value.message
        assert open_run("@last", disk).metrics == run.metrics
        assert len(documents(disk)[0]) == 1
        with pytest.raises(StoreError):
            continue_run(load("walk"), make_run(disk, "walk", WalkConfig()), quiet=True)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
