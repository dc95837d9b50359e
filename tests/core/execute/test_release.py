"""A run of a machine that cannot be asked: what the commands say of it, and how a user frees it."""

import dataclasses
import json
import os
import socket
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.lifecycle.lifecycle import run_task
from taskloom.request import RunOptions
from taskloom.runs.layout import RunLayout
from taskloom.runs.record import write_record
from taskloom.runs.run import Run
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig

pytestmark = pytest.mark.usefixtures("probe_domain")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunLayout:
    """A run that says running, signed by a machine of which nothing is known."""
    monkeypatch.setenv("TASKS_STORE", str(tmp_path))
    run = run_task(load("walk"), WalkConfig(steps=3), RunOptions(store=tmp_path, quiet=True))
    record = dataclasses.replace(run.record, status="running", ended="", exit_code=None, metrics={})
    write_record(run.layout.record, record)
    holder = {"pid": 7, "host": "elsewhere", "machine": "x", "locks": True, "alive": True}
    run.layout.lock.write_text(json.dumps(holder))
    return run.layout


def test_run_of_which_nothing_is_known_is_shown_with_a_question_mark(
    remote: RunLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "ls"]) == 0
    assert "running?" in capsys.readouterr().out
    assert main(["doctor"]) in (0, 3)
    assert f"tasks runs release {remote.dir.name}" in capsys.readouterr().out


def test_released_run_is_crashed_and_can_be_resumed_at_once(
    remote: RunLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "release", remote.dir.name]) == 2  # no terminal to ask on
    assert "--yes" in capsys.readouterr().err
    assert main(["runs", "release", remote.dir.name, "--yes"]) == 0
    assert Run(remote.dir).status == "crashed"
    assert main(["resume", remote.dir.name]) == 0
    assert Run(remote.dir).status == "finished"
    assert main(["runs", "release", remote.dir.name]) == 0
    assert "nothing holds it" in capsys.readouterr().err


def test_run_that_is_alive_is_not_released(
    remote: RunLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    from taskloom.runs.locks import acquire

    remote.lock.unlink()
    held = acquire(remote.lock)
    assert main(["runs", "release", remote.dir.name, "--yes"]) == 5
    assert f"is alive: process {os.getpid()} on {socket.gethostname()}" in (capsys.readouterr().err)
    held.release()
