"""The slurm executor on a real node: a job array, a cancelled job, a killed worker, and a submitter that dies."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from taskloom.placement import slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

_SCRIPT = str(Path(__file__).with_name("cluster.sh"))
_PROBE = str(Path(__file__).parents[1] / "probe")
if _PROBE not in sys.path:
    sys.path.append(_PROBE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm cluster of one node; skips where there can be none."""
    for command in ("slurmctld", "slurmd", "munged", "srun"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("a Slurm node starts jobs for its users, so this test has to be root")
    folder = tmp_path_factory.mktemp("slurm")
    # Workers of pytest-xdist share the ports of the cluster, so they take turns.
    turn = (tmp_path_factory.getbasetemp().parent / "slurm.lock").open("w")
    fcntl.flock(turn, fcntl.LOCK_EX)
    started = subprocess.run(
        ["sh", _SCRIPT, "start", str(folder)], check=False, capture_output=True, text=True
    )
    if started.returncode != 0:
        turn.close()
        pytest.skip(f"Slurm does not start here: {started.stderr.strip()}")
    before = {name: os.environ.get(name) for name in ("SLURM_CONF", "PYTHONPATH")}
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    os.environ["PYTHONPATH"] = _PROBE
    period, slurm._ASK_PERIOD = slurm._ASK_PERIOD, 0.2  # this controller serves no other user
    yield
    slurm._ASK_PERIOD = period
    subprocess.run(["scancel", "--me"], check=False)
    subprocess.run(["sh", _SCRIPT, "stop", str(folder)], check=True)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    turn.close()


class _Watching:
    """A watcher that acts once, when a run has a checkpoint."""

    def __init__(self, store: Path, act: object) -> None:
        self._store, self._act = store, act
        self.victim = ""
        self.attempts: dict[str, int] = {}

    def placed(self, folder: Path, attempt: int, /) -> None:
        self.attempts[folder.name] = attempt

    def ended(self, run: object, /) -> None:
        del run

    def tick(self) -> None:
        from taskloom.runs import list_runs

        if self.victim:
            return
        for run in list_runs(self._store):
            if (
                run.status == "running"
                and run.layout.checkpoints.is_dir()
                and any(run.layout.checkpoints.glob("0*"))
            ):
                self.victim = run.id
                self._act(run)  # type: ignore[operator]
                return


def _sweep(store: Path, **changes: int) -> object:
    from taskloom.request import RunOptions
    from taskloom.sweeps.expand import Choices, Plan
    from taskloom.sweeps.record import create_sweep
    from taskloom.sweeps.sweep import plan_points
    from taskloom_probe.support import load

    plan = Plan({"seed": Choices(("0", "1", "2", "3"))})
    points = plan_points(load("walk"), plan, {"steps": "150", "pause": "0.02", "every": "10"})
    options = RunOptions(store=store, executor="slurm", **changes)
    return create_sweep(load("walk"), points, options)


def _run(sweep: object, store: Path, watcher: object) -> object:
    from taskloom.sweeps.sweep import run_sweep
    from taskloom_probe.support import load

    return run_sweep(load("walk"), sweep, store, watcher)  # type: ignore[arg-type]


def _assert_whole(outcome: object, store: Path) -> None:
    from taskloom.lifecycle.lifecycle import run_task
    from taskloom.request import RunOptions
    from taskloom_probe.support import load, steps
    from taskloom_probe.tasks import WalkConfig

    for run in outcome.runs:  # type: ignore[attr-defined]
        assert run is not None
        assert run.status == "finished"
        assert steps(run) == list(range(1, 151))
        config = WalkConfig.model_validate({**run.config, "pause": 0.0})
        assert (
            run_task(load("walk"), config, RunOptions(store=store, quiet=True)).metrics
            == run.metrics
        )


@pytest.mark.usefixtures("cluster")
def test_job_array_survives_a_killed_worker(tmp_path: Path) -> None:
    from taskloom_probe.support import pickles_in

    sweep = _sweep(tmp_path / "s")
    watcher = _Watching(tmp_path / "s", lambda run: os.kill(run.record.pid, signal.SIGKILL))
    outcome = _run(sweep, tmp_path / "s", watcher)
    assert outcome.exit_code == 0  # type: ignore[attr-defined]
    assert watcher.attempts[watcher.victim] == 2
    scripts = list((tmp_path / "s" / ".slurm").glob("*.sh"))
    assert any("--array=0-3" in script.read_text() for script in scripts)
    assert pickles_in(tmp_path / "s") == []
    _assert_whole(outcome, tmp_path / "whole")


@pytest.mark.usefixtures("cluster")
def test_queue_says_the_same_in_json_and_in_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from taskloom.placement import squeue

    submit = ["sbatch", "--parsable", "--output=/dev/null", "--array=0,2-7:5%1", "--wrap=sleep 60"]
    made = subprocess.run(submit, check=True, capture_output=True, text=True).stdout.strip()
    answers = [squeue.waiting_or_running()]
    monkeypatch.setattr(squeue, "_JSON", "squeue --no-such-option")
    answers.append(squeue.waiting_or_running())
    subprocess.run(["scancel", made], check=True)
    assert answers == [frozenset({f"{made}_0", f"{made}_2", f"{made}_7"})] * 2


@pytest.mark.usefixtures("cluster")
def test_cancelled_job_stops_with_a_checkpoint_and_resumes(tmp_path: Path) -> None:
    from taskloom.runs import open_run

    def cancel(run: object) -> None:
        queue = subprocess.run(
            ["squeue", "--me", "--noheader", "--states=RUNNING", "--format=%i"],
            check=True,
            capture_output=True,
            text=True,
        )
        subprocess.run(["scancel", queue.stdout.split()[0]], check=True)

    sweep = _sweep(tmp_path / "s")
    watcher = _Watching(tmp_path / "s", cancel)
    outcome = _run(sweep, tmp_path / "s", watcher)
    assert outcome.exit_code == 1  # type: ignore[attr-defined]
    statuses = sorted(run.status for run in outcome.runs)  # type: ignore[attr-defined]
    assert statuses == ["finished", "finished", "finished", "stopped"]
    stopped = next(run for run in outcome.runs if run.status == "stopped")  # type: ignore[attr-defined]
    assert stopped.exit_code == 143
    assert int(sorted(stopped.layout.checkpoints.iterdir())[-1].name) == stopped.metrics["steps"]
    again = _run(
        replace(sweep, options=replace(sweep.options, executor="inline")),  # type: ignore[attr-defined,type-var]
        tmp_path / "s",
        _Watching(tmp_path / "none", None),
    )
    assert again.exit_code == 0  # type: ignore[attr-defined]
    assert open_run(str(stopped.dir)).record.attempts == 2
    _assert_whole(again, tmp_path / "whole")


@pytest.mark.usefixtures("cluster")
def test_single_run_is_placed_from_the_command_line(tmp_path: Path) -> None:
    from taskloom.runs import open_run
    from taskloom_probe.support import environment, steps

    words = ("run", "probe", "walk", "--steps=7", "--executor=slurm", "--cpus=1", "--memory=100M")
    code = "import sys; from taskloom.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(
        [*command, f"--store={tmp_path}"],
        env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = open_run("@last", tmp_path)
    assert (run.status, steps(run)) == ("finished", list(range(1, 8)))
    script = next((tmp_path / ".slurm").glob("*.sh")).read_text()
    assert "--cpus-per-task=1" in script
    assert "--mem=100MB" in script


@pytest.mark.usefixtures("cluster")
def test_requeued_job_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Preemption by requeue: Slurm signals the job, and starts the same command again."""
    from taskloom.lifecycle.lifecycle import run_task
    from taskloom.request import RunOptions
    from taskloom.runs import open_run
    from taskloom_probe.support import load, make_run, steps, wait_until
    from taskloom_probe.tasks import WalkConfig

    config = WalkConfig(steps=150, every=10, pause=0.03)
    layout = make_run(tmp_path, "walk", config)
    worker = f"{sys.executable} -m taskloom.execute --no-report {layout.dir}"
    submitted = subprocess.run(
        ["sbatch", "--requeue", "--parsable", f"--output={tmp_path}/job.txt", f"--wrap=srun {worker}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    wait_until(lambda: layout.checkpoints.is_dir() and any(layout.checkpoints.glob("0*")), 300)
    subprocess.run(["scontrol", "requeue", submitted.stdout.strip()], check=True)
    wait_until(lambda: open_run(str(layout.dir)).status == "stopped", 300)
    # Slurm holds a requeued job back for a while; nobody has to wait for that here.
    release = ["scontrol", "update", f"job={submitted.stdout.strip()}", "StartTime=now"]

    def has_finished() -> bool:
        subprocess.run(release, check=False, capture_output=True)
        return open_run(str(layout.dir)).status == "finished"

    wait_until(has_finished, 600)
    run = open_run(str(layout.dir))
    assert run.record.attempts == 2
    assert steps(run) == list(range(1, 151))
    assert (
        run.metrics
        == run_task(load("walk"), config, RunOptions(store=tmp_path / "w", quiet=True)).metrics
    )


@pytest.mark.usefixtures("cluster")
def test_executor_keeps_the_contract() -> None:
    from taskloom.placement.slurm import open_executor
    from taskloom.testing import check_executor

    assert len(check_executor(open_executor, seconds=120)) == 5
