"""The task `smiles` keeps to the contract: it runs, repeats, resumes bit for bit, and reports."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from taskloom.lifecycle.lifecycle import continue_run, run_task
from taskloom.registry import find_task, load_task
from taskloom.request import RunOptions
from taskloom.runs import Run
from taskloom.testing import check_task
from taskloom_diffusion.tasks.smiles import Smiles
from tests_sizes import size

TINY: dict[str, Any] = {
    "num_molecules": 120,
    "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
    "train": {
        "steps": 6,
        "batch_size": 8,
        "validate_every": 3,
        "checkpoint_every": 4,
        "log_every": 2,
    },
    "evaluate": {"num_samples": 6, "num_holdout": 5, "num_draws": 1},
}


@pytest.mark.slow
def test_smiles_keeps_to_the_contract() -> None:
    passed = check_task(Smiles, domain="diffusion", varying=["speed/*"], **TINY)
    assert any("resum" in name or "interrupt" in name for name in passed), passed


LONGER = {
    "steps": size("signalled_steps"),
    "accumulate": 3,
    "log_every": 1,
    "checkpoint_every": 500,
    "validate_every": 40,
}


def train(**options: Any) -> Run:  # noqa: ANN401 -- the options' own types
    """Run a training that is long enough for a signal to meet it."""
    smiles = load_task(find_task("diffusion", "smiles"))
    config = smiles.config_class.model_validate(TINY | {"train": TINY["train"] | LONGER})
    return run_task(smiles, config, RunOptions(quiet=True, **options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A training that nothing has disturbed."""
    return train(store=tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_stops_the_training_with_a_checkpoint_and_the_run_goes_on(
    tmp_path: Path, whole: Run, signum: signal.Signals, code: int
) -> None:
    """Lightning has a handler of its own for SIGTERM, which would make the run a failed one."""
    ended = threading.Event()

    def interrupt() -> None:
        while not ended.is_set():
            if any(path.stat().st_size for path in tmp_path.glob("part/*/metrics.jsonl")):
                os.kill(os.getpid(), signum)
                return
            time.sleep(0.01)

    other = threading.Thread(target=interrupt)
    other.start()
    try:
        stopped = train(store=tmp_path / "part")
    finally:
        ended.set()
        other.join()
    assert (stopped.status, stopped.exit_code) == ("stopped", code)
    assert len(list(stopped.layout.checkpoints.iterdir())) == 1
    smiles = load_task(find_task("diffusion", "smiles"))
    resumed = continue_run(smiles, stopped.layout, quiet=True)
    assert resumed.metrics == whole.metrics
    assert len(resumed.history()) == len(whole.history())
