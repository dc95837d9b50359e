"""Kill -9 at random instants: every record readable, every status right, every line there, every run resumable."""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskloom.errors import RunCorruptError
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.records.documents import read_lines
from taskloom.request import RunOptions
from taskloom.runs import Run, RunLayout
from taskloom.runs.checkpoints import published, verify
from taskloom_probe.forks import Forker
from taskloom_probe.support import load, make_run, steps
from taskloom_probe.tasks import WalkConfig
from tests_sizes import size

# TASKLOOM_KILLS raises this.
KILLS = int(os.environ.get("TASKLOOM_KILLS", size("kills")))


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    with Forker() as process:
        yield process


def _assert_sound(layout: RunLayout, seen: int) -> Run:
    """Whatever happened, the folder tells the truth."""
    run = Run(layout.dir)
    assert run.status in ("created", "crashed", "finished")
    assert (
        layout.metrics.read_bytes().count(b"\n") >= seen if layout.metrics.exists() else seen == 0
    )
    logged = steps(run)
    assert logged == list(range(1, len(logged) + 1))
    for checkpoint in published(layout.checkpoints):
        verify(checkpoint.dir)
    assert list(read_lines(layout.dir, "log.jsonl")) is not None
    return run


@pytest.mark.slow
def test_random_kills_lose_nothing_and_resume_to_the_same_end(
    tmp_path: Path, forker: Forker
) -> None:
    generator = random.Random(20261121)
    config = WalkConfig(steps=60, every=4)
    whole = run_task(load("walk"), config, RunOptions(store=tmp_path / "whole", quiet=True))
    killed = 0
    while killed < KILLS:
        layout = make_run(tmp_path / "store", "walk", config.model_copy(update={"pause": 0.0005}))
        for _ in range(200):
            worker = forker.start("continue", layout.dir)
            # The begin and the end are the delicate instants, so short waits are drawn most often.
            time.sleep(0.1 * generator.random() ** 2)
            seen = layout.metrics.read_bytes().count(b"\n") if layout.metrics.exists() else 0
            if forker.kill(worker) == 0:
                break
            killed += 1
            if _assert_sound(layout, seen).status == "finished":
                break
        end = continue_run(load("walk"), layout, quiet=True, report=False)
        assert end.status == "finished"
        assert end.metrics == whole.metrics
        assert steps(end) == steps(whole)
        assert [row["place"] for row in end.history()] == [row["place"] for row in whole.history()]


def test_kills_while_a_folder_is_made_leave_no_half_made_run(
    tmp_path: Path, forker: Forker
) -> None:
    generator = random.Random(7)
    for _ in range(25):
        worker = forker.start("make", tmp_path)
        time.sleep(0.05 * generator.random())
        forker.kill(worker)
    for path in tmp_path.glob("*/run.json"):
        assert Run(path.parent).status == "created"
        assert (path.parent / "config.toml").exists()
        assert (path.parent / "env.json").exists()


def test_every_truncation_of_the_last_record_is_read_or_refused(tmp_path: Path) -> None:
    run = run_task(load("walk"), WalkConfig(steps=8), RunOptions(store=tmp_path, quiet=True))
    for path in (run.layout.metrics, run.layout.log):
        whole = path.read_bytes()
        last = whole.rstrip(b"\n").rfind(b"\n") + 1
        for length in range(last, len(whole)):
            path.write_bytes(whole[:length])
            assert len(list(read_lines(path.parent, path.name))) == whole.count(b"\n") - 1
        path.write_bytes(whole)
    whole = run.layout.record.read_bytes()
    for length in range(len(whole) - 1):
        run.layout.record.write_bytes(whole[:length])
        with pytest.raises(RunCorruptError):
            Run(run.dir)


def test_worker_killed_while_it_holds_the_index_blocks_nobody(
    tmp_path: Path, forker: Forker
) -> None:
    from taskloom.runs.index import documents

    run_task(load("walk"), WalkConfig(steps=2), RunOptions(store=tmp_path, quiet=True))
    documents(tmp_path)
    worker = forker.start("hold", tmp_path)
    time.sleep(0.2)
    forker.kill(worker)
    assert len(documents(tmp_path)[0]) == 1


def test_orphans_of_the_tests_are_none() -> None:
    done = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "taskloom.execute"],
        check=False,
        capture_output=True,
    )
    assert done.stdout == b""
