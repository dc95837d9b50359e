"""What a run was given reaches the frameworks: processes through Lightning, devices through JAX, threads."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from own_network import in_own_network
from taskloom import Resources
from taskloom.devices import Launch, jax_devices, launch, lightning_arguments, limited_threads
from taskloom.errors import MissingExtraError, UsageError
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.placement.folder import follow_folder
from taskloom.registry import LoadedTask
from taskloom.request import RunOptions
from taskloom.runs import Run, RunLayout, open_run
from taskloom.runs.locks import acquire
from taskloom_probe.kinds import KINDS
from taskloom_probe.share import ShareConfig, SpreadConfig
from taskloom_probe.support import environment, load, make_run
from taskloom_probe.tasks import WaitConfig, WalkConfig

_TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
_SRUN = {
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "1",
    "SLURM_NTASKS": "6",
    "SLURM_NTASKS_PER_NODE": "3",
}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Launch(0, 1, 1)),
        (_TORCHRUN, Launch(3, 4, 2)),
        (_SRUN, Launch(1, 6, 3)),
        (_SRUN | _TORCHRUN, Launch(3, 4, 2)),
        # A batch script sees the variables too, but only a step is a process of the run.
        ({name: _SRUN[name] for name in _SRUN if name != "SLURM_STEP_ID"}, Launch()),
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, Launch()),
    ],
)
def test_launch_reads_what_torchrun_and_srun_say(environ: dict[str, str], expected: Launch) -> None:
    assert launch(environ) == expected
    assert launch(environ).num_nodes == expected.processes // expected.local_processes


@pytest.mark.parametrize(
    "environ",
    [
        {"RANK": "4", "WORLD_SIZE": "4"},
        {"RANK": "x", "WORLD_SIZE": "4"},
        {"RANK": "0", "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "0"},
    ],
)
def test_launch_refuses_an_environment_that_contradicts_itself(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="environment"):
        launch(environ)


def _arguments(resources: Resources, processes: int = 1) -> tuple[object, ...]:
    return tuple(lightning_arguments(resources, processes=processes).values())


def test_lightning_arguments_follow_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_TORCHRUN, *_SRUN):
        monkeypatch.delenv(name, raising=False)
    assert _arguments(Resources()) == ("cpu", 1, 1, "auto")
    assert _arguments(Resources(cpus=8)) == ("cpu", 1, 1, "auto")
    assert _arguments(Resources(), 2) == ("cpu", 2, 1, "ddp_fork")
    assert _arguments(Resources(gpus=1), 4) == ("gpu", 1, 1, "auto")
    assert _arguments(Resources(gpus=4)) == ("gpu", 4, 1, "ddp_fork")
    assert _arguments(Resources(gpus=4, num_nodes=2)) == ("gpu", 4, 2, "ddp")
    for name, value in _TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert _arguments(Resources()) == ("cpu", 2, 2, "ddp")
    assert _arguments(Resources(gpus=2, num_nodes=2)) == ("gpu", 2, 2, "ddp")


def test_threads_follow_cores_and_a_variable_that_is_set_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    with limited_threads(Resources(cpus=3)):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "1")
    assert "OMP_NUM_THREADS" not in os.environ
    with limited_threads(Resources()):
        assert "OMP_NUM_THREADS" not in os.environ


def test_jax_that_sees_no_accelerator_says_so() -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    with pytest.raises(MissingExtraError, match="was given 2 GPUs, and JAX sees 0"):
        jax_devices(Resources(gpus=2))


@pytest.mark.parametrize(("cpus", "expected"), [(0, 2), (1, 1)])
def test_jax_devices_of_a_run_are_those_it_was_given(
    tmp_path: Path, cpus: int, expected: int
) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    layout = make_run(tmp_path, "spread", SpreadConfig(), Resources(cpus=cpus))
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "taskloom.execute", "--no-report", str(layout.dir)]
    subprocess.run(command, env={**environment(), **flags}, check=True, timeout=300)
    assert open_run(str(layout.dir)).metrics == {"sum": 140.0, "devices": expected}


def _worker(layout: RunLayout) -> list[str]:
    return [*("-m", "taskloom.execute", "--no-report"), str(layout.dir)]


def _run_alone_and_shared(
    loaded: LoadedTask, alone: RunLayout, shared: RunLayout
) -> tuple[Run, Run]:
    """Run one folder in this process, and one in the two that torchrun starts."""
    one = continue_run(loaded, alone, quiet=True, report=False)
    torchrun = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-addr", "127.0.0.1", "--master-port", "29500"),
        *_worker(shared),
    ]
    done = subprocess.run(
        in_own_network(torchrun),
        env={**environment(), "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    # Rank 0 alone has written: one record, and one line for each step (see below).
    assert open_run(str(shared.dir)).record.attempts == 1
    return one, open_run(str(shared.dir))


# Every day the next one says the same of losses and of the model that is learnt.
@pytest.mark.soak
@pytest.mark.filterwarnings("default")
def test_two_processes_over_gloo_have_the_gradients_of_one_that_accumulates(tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed")
    one, two = _run_alone_and_shared(
        load("share"), *(make_run(tmp_path, "share", ShareConfig()) for _ in range(2))
    )
    assert (one.metrics["processes"], two.metrics["processes"]) == (1, 2)
    weights = [name for name in one.metrics if name.startswith("weight/")]
    assert [two.metrics[name] for name in weights] == pytest.approx(
        [one.metrics[name] for name in weights], rel=1e-5
    )
    rows = [[row[f"gradient/{i}"] for i in range(3)] for run in (one, two) for row in run.history()]
    assert len(rows) == 8
    assert rows[:4] == [pytest.approx(row, rel=1e-4, abs=1e-6) for row in rows[4:]]
    assert two.artifacts["who.txt"].read_text() == "0"


@pytest.mark.slow
def test_diffusion_in_two_processes_ends_where_the_same_run_in_one_does(tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed")
    kind = KINDS["diffusion"]
    steps = {"steps": 4, "checkpoint_every": 2, "validate_every": 2, "accumulate": 2}
    train = {**kind.overrides["train"], **steps}
    small = replace(kind, overrides={**kind.overrides, "train": train}).trial(tmp_path)
    one, two = _run_alone_and_shared(
        small.loaded,
        *(create_run(small.loaded, small.config, RunOptions(store=tmp_path)) for _ in "12"),
    )
    assert two.record.identity == one.record.identity
    assert two.metrics == pytest.approx(one.metrics, rel=1e-5)
    for name in ("train/loss", "validation/nelbo"):
        mine, theirs = ([row[name] for row in run.history() if name in row] for run in (one, two))
        assert len(mine) in (2, 4)
        assert theirs == pytest.approx(mine, rel=1e-5)


def test_follower_writes_nothing_into_the_run(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=6, every=2))
    held = acquire(layout.lock)  # as rank 0 does
    held.tell("")
    before = sorted(layout.dir.rglob("*"))
    command = [sys.executable, "-m", "taskloom.execute", str(layout.dir)]
    follower = {**environment(), "RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}
    subprocess.run(command, env=follower, check=True, timeout=300)
    held.release()
    assert sorted(layout.dir.rglob("*")) == before
    assert open_run(str(layout.dir)).status == "created"


def test_follower_of_a_finished_run_has_nothing_to_do(tmp_path: Path) -> None:
    run = run_task(load("wait"), WaitConfig(), RunOptions(store=tmp_path, quiet=True))
    assert follow_folder(run.dir) == 0
    assert open_run(str(run.dir)).record == run.record
