"""Small problems that the tests of the anomaly domain share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from taskloom.testing import MemoryContext
from taskloom_anomaly.data.arrays import ArrayDataset

TINY_DATA = {"source": "digits8", "num_train": 400, "num_test": 200}
TINY_MODEL = {"kind": "mlp", "hidden_dims": [24, 16]}
TINY_TRAINING = {"epochs": 3, "batch_size": 32, "checkpoint_every": 1}


@pytest.fixture
def tiny() -> dict[str, object]:
    """Parameters that make an image task run in about a second, with floors that such a network cannot miss."""
    return {"data": TINY_DATA, "model": TINY_MODEL, "training": TINY_TRAINING, "min_accuracy": 0.0}


@pytest.fixture
def ctx(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path / "run", seed=0)


@pytest.fixture
def images() -> ArrayDataset:
    rng = np.random.default_rng(0)
    inputs = rng.random((40, 8, 8, 1), dtype=np.float32)
    return ArrayDataset(inputs, rng.integers(0, 10, 40))
