"""Sweeps: every point once, whatever dies on the way."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskloom.errors import ConfigError, RunCorruptError, UnknownNameError, UsageError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.registry import LoadedTask, TaskEntry, TaskRef
from taskloom.request import RunOptions
from taskloom.runs import Run, list_runs, open_run
from taskloom.sweeps.expand import Choices, Plan
from taskloom.sweeps.record import SweepRecord, create_sweep, find_sweep, read_sweep
from taskloom.sweeps.sweep import Sweep, plan_points, run_sweep
from taskloom_probe.support import environment, load, pickles_in, steps, wait_until
from taskloom_probe.tasks import WalkConfig

pytestmark = pytest.mark.usefixtures("probe_domain")


class Notes:
    """Remembers what a watcher hears."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, int]] = []
        self.over: list[Run] = []

    def placed(self, folder: Path, attempt: int, /) -> None:
        self.attempts.append((folder.name, attempt))

    def ended(self, run: Run, /) -> None:
        self.over.append(run)

    def tick(self) -> None:
        pass


def _make(
    store: Path, task: str = "walk", fixed: dict[str, str] | None = None, **axes: tuple[str, ...]
) -> SweepRecord:
    loaded = load(task)
    plan = Plan({path: Choices(values) for path, values in axes.items()})
    options = RunOptions(store=store, executor="inline")
    return create_sweep(loaded, plan_points(loaded, plan, fixed or {}), options)


def _run(
    record: SweepRecord,
    store: Path,
    executor: str = "inline",
    task: str = "walk",
    notes: Notes | None = None,
    **changes: Any,  # noqa: ANN401 -- the options' own types
) -> Sweep:
    goes_on = changes.pop("keep_going", True)
    options = replace(record.options, executor=executor, **changes)
    record = replace(record, options=options, keep_going=goes_on)
    return run_sweep(load(task), record, store, notes or Notes())


def test_points_with_one_identity_are_one(tmp_path: Path) -> None:
    # `pause` is execution-only, so it makes no second point.
    points = plan_points(
        load("walk"), Plan({"pause": Choices(("0", "0.1")), "steps": Choices(("2", "2"))}), {}
    )
    assert len(points) == 1


def test_bad_point_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--steps=0"):
        plan_points(load("walk"), Plan({"steps": Choices(("3", "0"))}), {})


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_sweep_runs_every_point_once(tmp_path: Path, executor: str) -> None:
    sweep = _make(tmp_path, steps=("2", "3"), seed=("0", "1"))
    outcome = _run(sweep, tmp_path, executor, jobs=2)
    assert outcome.exit_code == 0
    assert [(run.config["steps"], run.config["seed"]) for run in outcome.runs] == [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
    ]
    assert {run.record.sweep for run in list_runs(tmp_path)} == {sweep.id}
    again = _run(sweep, tmp_path, executor)
    assert [run.id for run in again.runs] == [run.id for run in outcome.runs]
    assert all(run.record.attempts == 1 for run in list_runs(tmp_path))
    assert pickles_in(tmp_path) == []


def test_search_for_pickles_finds_one(tmp_path: Path) -> None:
    for protocol in range(2, 6):
        content = b"#!/bin/sh\n" + pickle.dumps({"a": 1}, protocol) + b"\nexit"
        (tmp_path / f"{protocol}.bin").write_bytes(content)
    (tmp_path / "text.txt").write_text("no pickle \x80")
    assert [path.name for path in pickles_in(tmp_path)] == ["2.bin", "3.bin", "4.bin", "5.bin"]


def test_local_runs_get_their_reports_if_they_are_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    sweep = _make(tmp_path, steps=("2", "3"))
    outcome = _run(sweep, tmp_path, "local", report="yes")
    assert [run.layout.report.is_file() for run in outcome.runs] == [True, True]


def test_finished_runs_of_others_are_not_repeated(tmp_path: Path) -> None:
    before = run_task(load("walk"), WalkConfig(steps=3), RunOptions(store=tmp_path, quiet=True))
    sweep = _make(tmp_path, steps=("2", "3"))
    outcome = _run(sweep, tmp_path)
    assert outcome.runs[1].id == before.id
    assert len(list_runs(tmp_path)) == 2


def test_forced_sweep_repeats_them(tmp_path: Path) -> None:
    before = run_task(load("walk"), WalkConfig(steps=3), RunOptions(store=tmp_path, quiet=True))
    outcome = _run(_make(tmp_path, steps=("3",)), tmp_path, force=True)
    assert outcome.runs[0].id != before.id
    assert outcome.runs[0].metrics == before.metrics


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_run_that_lost_a_process_is_placed_again(tmp_path: Path, executor: str) -> None:
    gone = str(tmp_path / "gone")
    outcome = _run(
        _make(tmp_path, "fail", {"first": gone}, how=("lost",)), tmp_path, executor, task="fail"
    )
    assert (outcome.runs[0].status, outcome.runs[0].record.attempts) == ("finished", 2)
    assert outcome.exit_code == 0


def test_failed_run_leaves_the_others_alone(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    sweep = _make(tmp_path, "fail", {"first": str(ready)}, how=("value", "exit", "silent"))
    outcome = _run(sweep, tmp_path, task="fail")
    assert outcome.exit_code == 1
    assert [run.status for run in outcome.runs] == ["failed"] * 3
    ready.touch()
    again = _run(sweep, tmp_path, task="fail")
    assert again.exit_code == 0
    assert [run.record.attempts for run in again.runs] == [2, 2, 2]


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    sweep = _make(tmp_path, "fail", how=("value", "exit", "silent"))
    outcome = _run(sweep, tmp_path, task="fail", keep_going=False)
    assert outcome.exit_code == 1
    assert [item.run is None for item in outcome.results] == [False, True, True]


def test_sweep_survives_its_folder(tmp_path: Path) -> None:
    sweep = _make(tmp_path, steps=("2", "3"))
    assert read_sweep(tmp_path / sweep.id) == sweep
    assert find_sweep(sweep.id, tmp_path) == tmp_path / sweep.id
    assert find_sweep(sweep.id[-6:], tmp_path) == tmp_path / sweep.id
    assert find_sweep(str(tmp_path / sweep.id), Path("/nonexistent")) == tmp_path / sweep.id
    assert find_sweep("absent", tmp_path) is None


def test_truncated_sweep_record_is_one_sentence(tmp_path: Path) -> None:
    sweep = _make(tmp_path, steps=("2",))
    path = tmp_path / sweep.id / "sweep.json"
    whole = path.read_bytes().rstrip()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(RunCorruptError, match=r"sweep\.json is damaged"):
            read_sweep(tmp_path / sweep.id)


def test_unknown_executor_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        create_sweep(load("walk"), [], RunOptions(store=tmp_path / "store", executor="lokal"))
    assert "local" in caught.value.hint
    with pytest.raises(UsageError):
        create_sweep(load("walk"), [], RunOptions(store=tmp_path / "store", jobs=-1))
    assert not (tmp_path / "store").exists()


def test_sweep_of_another_version_is_refused(tmp_path: Path) -> None:
    sweep = _make(tmp_path, steps=("2",))
    newer = LoadedTask(
        TaskEntry("probe", TaskRef("walk", "", "x:y", version=2), ""),
        load("walk").factory,
        WalkConfig,
    )
    with pytest.raises(ConfigError, match="version 2"):
        run_sweep(newer, sweep, tmp_path, Notes())


class _Killer(threading.Thread):
    """Kills the worker of every run once, as soon as it has published a checkpoint."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self._store = store
        self.killed: set[str] = set()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.02):
            for run in list_runs(self._store):
                has_checkpoint = run.layout.checkpoints.is_dir() and any(
                    run.layout.checkpoints.glob("0*")
                )
                if run.id not in self.killed and run.record.status == "running" and has_checkpoint:
                    self.killed.add(run.id)
                    os.kill(run.record.pid, signal.SIGKILL)


def test_killed_workers_are_replaced_and_reach_the_same_end(tmp_path: Path) -> None:
    sweep = _make(tmp_path / "s", fixed={"pause": "0.01", "steps": "60"}, seed=("0", "1", "2"))
    killer = _Killer(tmp_path / "s")
    killer.start()
    notes = Notes()
    outcome = _run(sweep, tmp_path / "s", "local", notes=notes, jobs=2)
    killer.done.set()
    assert outcome.exit_code == 0
    assert len(killer.killed) == 3
    assert sorted(attempt for _, attempt in notes.attempts) == [1, 1, 1, 2, 2, 2]
    for run in outcome.runs:
        assert run.record.attempts == 2
        assert steps(run) == list(range(1, 61))
        config = WalkConfig.model_validate({**run.config, "pause": 0.0})
        assert (
            run_task(load("walk"), config, RunOptions(store=tmp_path / "whole", quiet=True)).metrics
            == run.metrics
        )


def test_killed_zygote_is_replaced(tmp_path: Path) -> None:
    from taskloom import Resources
    from taskloom.placement.local import LocalExecutor
    from taskloom.placement.place import Placement
    from taskloom_probe.support import make_run

    executor = LocalExecutor(1)
    folders = [
        make_run(tmp_path, "walk", WalkConfig(steps=20, pause=0.02, seed=seed)).dir
        for seed in (0, 1)
    ]
    killed: list[int] = []

    class Killing(Notes):
        def tick(self) -> None:
            if (
                not killed
                and executor._zygote is not None
                and open_run(str(folders[0])).status == "running"
            ):
                killed.append(executor._zygote.pid)
                os.kill(executor._zygote.pid, signal.SIGKILL)

    notes = Killing()
    placement = Placement(executor, Resources(), notes)
    placement.run(iter(folders))
    executor.close()
    assert killed
    assert [run.status for run in notes.over] == ["finished", "finished"]
    assert [run.record.attempts for run in notes.over] == [1, 1]


def _start_submitter(store: Path, *words: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from taskloom.cli import main; sys.exit(main())",
        "sweep",
        "probe",
        "walk",
        *words,
        "--store",
        str(store),
        "--jobs",
        "2",
    ]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _running(store: Path) -> list[Run]:
    return [run for run in list_runs(store) if run.status == "running"]


def test_submitter_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    with _start_submitter(tmp_path, "--seed=0:4", "--steps=40", "--pause=0.02") as submitter:
        wait_until(lambda: len(_running(tmp_path)) == 2)
        submitter.kill()
    name = next(tmp_path.glob("*/sweep.json")).parent
    # The workers go on without it, and a new submitter waits for them instead of starting them again.
    outcome = run_sweep(load("walk"), read_sweep(name), tmp_path, Notes())
    assert outcome.exit_code == 0
    assert [run.record.attempts for run in outcome.runs] == [1, 1, 1, 1]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_sweep_stops_its_runs_with_checkpoints_and_continues(
    tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    with _start_submitter(
        tmp_path, "--seed=0:3", "--steps=200", "--every=50", "--pause=0.01"
    ) as submitter:
        wait_until(
            lambda: len([run for run in _running(tmp_path) if run.layout.metrics.exists()]) == 2
        )
        time.sleep(0.2)
        submitter.send_signal(signum)
        assert submitter.wait(300) == code
    statuses = sorted(run.status for run in list_runs(tmp_path))
    assert statuses in (
        ["stopped", "stopped"],
        ["created", "stopped", "stopped"],
    )  # one is made ahead
    sweep = read_sweep(next(tmp_path.glob("*/sweep.json")).parent)
    outcome = run_sweep(load("walk"), sweep, tmp_path, Notes())
    assert outcome.exit_code == 0
    for run in outcome.runs:
        assert steps(run) == list(range(1, 201))
