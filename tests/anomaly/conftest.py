"""Small problems that the tests of the anomaly domain share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.bound import BoundTask
from taskloom.cli import main
from taskloom.task import Result
from taskloom.testing import MemoryContext
from taskloom_anomaly import driver
from taskloom_anomaly.data.arrays import ArrayDataset
from tests_sizes import size

TINY_DATA = {"source": "digits8", "num_train": 400, "num_test": 200}
TINY_MODEL = {"kind": "mlp", "hidden_dims": [24, 16]}
TINY_TRAINING = {"epochs": 3, "batch_size": 32, "checkpoint_every": 1}


def _compile_quickly(quick: bool) -> None:
    jax: Any = sys.modules.get("jax")
    if jax is not None:
        jax.config.update("jax_disable_most_optimizations", quick)


@pytest.fixture(autouse=True, scope="module")
def _quick_compilation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile without most optimizations: networks of a few units run a few times, and most of the time went into compiling them.

    A module that trains for long says `OPTIMIZED = True`.
    """
    quick = bool(size("quick_compilation")) and not getattr(request.module, "OPTIMIZED", False)
    with pytest.MonkeyPatch.context() as patch:
        # Of processes that a test starts, and of JAX if this module is the first that brings it in.
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", str(int(quick)))
        _compile_quickly(quick)
        yield
    _compile_quickly(False)


@pytest.fixture
def optimized() -> Iterator[None]:
    """Compile with all optimizations, for a test of what they leave out."""
    _compile_quickly(False)
    yield
    _compile_quickly(bool(size("quick_compilation")))


@pytest.fixture
def tiny() -> dict[str, object]:
    """Parameters that make an image task run in about a second, with floors that such a network cannot miss."""
    return {"data": TINY_DATA, "model": TINY_MODEL, "training": TINY_TRAINING, "min_accuracy": 0.0}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored classifier of 8x8 digits, trained through the verb."""
    folder = tmp_path_factory.mktemp("classifier")
    settings = ["data.source=digits8", "data.num_train=300", "data.num_test=120"]
    settings += ["model.backend=torch", "model.hidden_dims=24", "training.epochs=12"]
    settings += ["training.batch_size=30", "training.learning_rate=0.01"]
    words = [f"--param={text}" for text in settings]
    assert main(["anomaly", "train-classifier", "--dir", str(folder), *words]) == 0
    return folder


@pytest.fixture
def ctx(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path / "run", seed=0)


@pytest.fixture
def images() -> ArrayDataset:
    rng = np.random.default_rng(0)
    inputs = rng.random((40, 8, 8, 1), dtype=np.float32)
    return ArrayDataset(inputs, rng.integers(0, 10, 40))


@pytest.fixture
def run(ctx: MemoryContext) -> Callable[..., Result]:
    """Return a function that runs a task in memory with its own config; in another context if one is given."""

    def perform(task: Any, into: MemoryContext = ctx) -> Result:  # noqa: ANN401 -- any task
        return BoundTask(task, task.config, lambda _: task, driver).run(into)

    return perform
