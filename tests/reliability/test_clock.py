"""Clocks that jump: durations never do, and ids and listings bear it."""

import json
import time
from pathlib import Path

import pytest
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.request import RunOptions
from taskloom.runs import list_runs, open_run
from taskloom_probe.support import load, make_run
from taskloom_probe.tasks import WalkConfig


class JumpingClock:
    """Wall-clock time that jumps by a day, back and forth, at every question."""

    def __init__(self) -> None:
        self._real = time.time_ns
        self._calls = 0

    def __call__(self) -> int:
        self._calls += 1
        return self._real() + (-1) ** self._calls * 86_400 * 10**9


def test_durations_and_times_of_lines_do_not_follow_the_wall_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = JumpingClock()
    monkeypatch.setattr(time, "time_ns", clock)
    monkeypatch.setattr(time, "time", lambda: clock() / 1e9)
    runs = [
        run_task(
            load("walk"), WalkConfig(steps=5, seed=seed), RunOptions(store=tmp_path, quiet=True)
        )
        for seed in range(4)
    ]
    monkeypatch.undo()
    for run in runs:
        assert 0 <= run.record.duration < 60
        times = [row["t"] for row in run.history()]
        assert times == sorted(times)
        assert all(0 <= t < 60 for t in times)
        assert run.status == "finished"
    assert len(list_runs(tmp_path)) == 4


def test_running_time_adds_up_over_attempts(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=10, pause=0.01))
    first = continue_run(load("walk"), layout, quiet=True)
    record = json.loads(layout.record.read_text())
    layout.record.write_text(json.dumps({**record, "status": "running"}))
    second = continue_run(load("walk"), layout, quiet=True)
    assert second.record.duration >= first.record.duration
    assert second.record.attempts == 2


def test_record_from_the_future_is_listed(tmp_path: Path) -> None:
    run = run_task(load("walk"), WalkConfig(steps=2), RunOptions(store=tmp_path, quiet=True))
    record = json.loads(run.layout.record.read_text())
    run.layout.record.write_text(
        json.dumps({**record, "created": "2999-01-01T00:00:00Z", "status": "running"})
    )
    assert open_run("@last", tmp_path).status == "crashed"
