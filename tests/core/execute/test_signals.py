"""Signals: a checkpoint and a finalised record, then 130 or 143; the second one acts at once."""

import signal
import time
from pathlib import Path

import pytest
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.lifecycle.signals import Interruption, StopRequest
from taskloom.request import RunOptions
from taskloom.runs import open_run
from taskloom_probe.support import lines, load, make_run, start_worker, steps, wait_until
from taskloom_probe.tasks import WaitConfig, WalkConfig

SLOW = WalkConfig(steps=100_000, pause=0.005)


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR2, 143)]
)
def test_resumable_run_stops_with_a_checkpoint(
    tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    layout = make_run(tmp_path, "walk", SLOW)
    with start_worker(layout) as worker:
        wait_until(lambda: lines(layout) > 3)
        worker.send_signal(signum)
        assert worker.wait(300) == code
    run = open_run(str(layout.dir))
    assert (run.status, run.exit_code) == ("stopped", code)
    newest = sorted(layout.checkpoints.iterdir())[-1]
    assert int(newest.name) == steps(run)[-1] == run.metrics["steps"]


def test_stopped_run_resumes_to_the_end_that_an_undisturbed_one_reaches(tmp_path: Path) -> None:
    config = WalkConfig(steps=60, pause=0.02)
    whole = run_task(
        load("walk"), WalkConfig(steps=60), RunOptions(store=tmp_path / "whole", quiet=True)
    )
    layout = make_run(tmp_path, "walk", config)
    with start_worker(layout) as worker:
        wait_until(lambda: lines(layout) > 3)
        worker.terminate()
        worker.wait(300)
    assert open_run(str(layout.dir)).status == "stopped"
    again = continue_run(load("walk"), layout, quiet=True)
    assert again.metrics == whole.metrics
    assert steps(again) == steps(whole) == list(range(1, 61))
    assert again.record.identity == whole.record.identity


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_other_run_is_interrupted_by_the_first_signal(
    tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    layout = make_run(tmp_path, "wait", WaitConfig(seconds=60))
    with start_worker(layout) as worker:
        wait_until(lambda: lines(layout) > 0)
        worker.send_signal(signum)
        assert worker.wait(300) == code
    run = open_run(str(layout.dir))
    assert (run.status, run.exit_code, dict(run.metrics)) == ("stopped", code, {})


def test_second_signal_acts_at_once_on_a_task_that_does_not_listen() -> None:
    stop = StopRequest(graceful=True, grace=60)
    with stop.installed():
        signal.raise_signal(signal.SIGINT)
        assert not stop.interrupted
        with pytest.raises(Interruption):
            signal.raise_signal(signal.SIGINT)
    assert stop.interrupted
    assert stop.exit_code == 130


def test_end_of_the_grace_period_acts_like_a_second_signal() -> None:
    stop = StopRequest(graceful=True, grace=0.05)
    began = time.monotonic()
    with stop.installed():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interruption):
            time.sleep(200)
    assert time.monotonic() - began < 100
    assert stop.exit_code == 143


def test_signal_while_the_record_is_written_is_ignored() -> None:
    stop = StopRequest(graceful=False)
    with stop.installed():
        stop.settle()
        signal.raise_signal(signal.SIGTERM)
    assert not stop.requested


def test_handlers_are_put_back() -> None:
    before = [
        signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
    ]
    with StopRequest(graceful=True).installed():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [
        signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
    ] == before


def test_run_that_never_looks_and_returns_is_finished(tmp_path: Path) -> None:
    stop = StopRequest(graceful=True)
    with stop.installed():
        signal.raise_signal(signal.SIGTERM)
    assert stop.signum
    assert not stop.noticed
