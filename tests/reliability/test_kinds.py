"""Kill -9 on real tasks of all four kinds, in real worker processes: nothing is lost, and every run reaches the same end."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.context import Resources
from taskloom.execute.create import Origin, create_run
from taskloom.registry import find_task, load_task
from taskloom.runs import Run, RunLayout, open_run
from taskloom.runs.checkpoints import published, verify
from taskloom.testing.trial import Trial
from taskloom_probe.support import environment, start_worker, wait_until

# `make soak` divides its 300 kills among the four.
SOAK_KILLS = int(os.environ.get("TASKLOOM_SOAK_KILLS", "300"))
KINDS: dict[str, dict[str, Any]] = {
    "anomaly toy_features": {
        "model": {"kind": "mlp", "hidden_dims": [6]},
        "training": {"epochs": 40, "batch_size": 20, "checkpoint_every": 2},
        "baselines": False,
        "size": 200,
        "min_accuracy": 0.0,
    },
    "hci pointing": {"episodes": 4000, "chunk": 100, "shown": 1},
    "diffusion smiles": {
        "num_molecules": 120,
        "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
        "train": {
            "steps": 60,
            "batch_size": 8,
            "validate_every": 30,
            "checkpoint_every": 6,
            "log_every": 2,
        },
        "evaluate": {"num_samples": 6, "num_holdout": 5, "num_draws": 1},
    },
    "control cartpole": {
        "seconds": 2.0,
        "hold": 0.1,
        "controller": {"horizon": 0.2},
        "optimizer": {"kind": "ps", "num_rollouts": 4, "num_nodes": 2},
        "record": {"fan_every": 20, "fan_size": 2, "animation": False},
    },
}
VARYING = ("speed/*", "*_ms", "*seconds*", "*_per_second*")


def _make(kind: str, folder: Path) -> tuple[Trial, Callable[[], RunLayout]]:
    domain, name = kind.split()
    loaded = load_task(find_task(domain, name))
    trial = Trial(loaded, KINDS[kind], VARYING, folder)
    return trial, lambda: create_run(loaded, trial.config, folder / "store", Origin(), Resources())


def _kill_once(layout: RunLayout, generator: random.Random, mean: float) -> bool:
    """Kill a worker at a random instant of its run; False if it was quicker."""
    with start_worker(layout) as worker:
        wait_until(
            lambda: worker.poll() is not None or open_run(str(layout.dir)).status == "running", 120
        )
        time.sleep(generator.expovariate(1 / mean))
        seen = layout.metrics.read_bytes().count(b"\n") if layout.metrics.exists() else 0
        worker.kill()
        killed = worker.wait() == -9
    run = open_run(str(layout.dir))
    assert run.status == ("crashed" if killed and run.record.status == "running" else "finished")
    assert len(run.history()) >= seen
    for checkpoint in published(layout.checkpoints):
        verify(checkpoint.dir)
    return killed


def _finish(layout: RunLayout) -> Run:
    """Let a worker run to the end: bit equality is promised for one number of threads, and workers have one."""
    with start_worker(layout) as worker:
        assert worker.wait(600) == 0
    return open_run(str(layout.dir))


def _assert_same_end(trial: Trial, run: Run, whole: Run) -> None:
    assert run.status == "finished"
    assert trial.steady(run.metrics) == trial.steady(whole.metrics)
    assert trial.lines(run) == trial.lines(whole)


def _kill(kind: str, folder: Path, kills: int, seed: int) -> int:
    generator = random.Random(seed)
    trial, make = _make(kind, folder)
    began = time.monotonic()
    whole = _finish(make())
    # Most runs should be hit several times before they end.
    mean = max(0.05, (time.monotonic() - began) / 4)
    done = 0
    while done < kills:
        layout = make()
        for _ in range(4):
            if done >= kills or not _kill_once(layout, generator, mean):
                break
            done += 1
        _assert_same_end(trial, _finish(layout), whole)
    return done


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_run_of_every_kind_reaches_the_same_end(kind: str, tmp_path: Path) -> None:
    assert _kill(kind, tmp_path, kills=1, seed=1) == 1


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_soak_random_kills_of_every_kind_lose_nothing(kind: str, tmp_path: Path) -> None:
    kills = SOAK_KILLS // len(KINDS)
    assert _kill(kind, tmp_path, kills, seed=time.time_ns()) == kills


@pytest.mark.soak
def test_soak_memory_stays_flat_over_many_lines(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from taskloom.execute import run_task; from taskloom_probe.support import load\n"
        "from taskloom_probe.tasks import WalkConfig\n"
        "def peak(steps):\n"
        "    run_task(load('walk'), WalkConfig(steps=steps, every=10**6), store=Path(sys.argv[1]), quiet=True)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "first = peak(20_000); print(peak(4_000_000) - first)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        int(done.stdout) < 200_000
    )  # kilobytes: the report reads the lines, the run itself keeps none


@pytest.mark.soak
def test_soak_two_hundred_interrupted_runs_equal_uninterrupted_ones(tmp_path: Path) -> None:
    trial, _ = _make("hci pointing", tmp_path)
    whole = trial.uninterrupted
    generator = random.Random(time.time_ns())
    for _ in range(200):
        resumed = trial.stop_and_resume(generator.randrange(whole.asked))
        assert trial.steady(resumed.result.metrics) == trial.steady(whole.result.metrics)
        assert resumed.lines == whole.lines
