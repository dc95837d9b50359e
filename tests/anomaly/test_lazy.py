"""Data sets that are read batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from taskloom.errors import ConfigError
from taskloom.task import Result
from taskloom.testing import MemoryContext
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.compat.task_config import AnomalyTaskConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.lazy import BulkDataset, LazyDataset, as_samples
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.features import ModelStream, extractor_for
from taskloom_anomaly.models.mlp import MLP


class OneByOne:
    """Samples that exist when they are asked for."""

    def __init__(self, n: int = 50) -> None:
        self.n = n
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int, /) -> tuple[np.ndarray, int]:
        self.asked.append(index)
        rng = np.random.default_rng(index)
        return rng.normal(size=3).astype(np.float32), index % 2


class ManyAtOnce:
    """The same, some at a time; remembers the most that were asked for at once."""

    def __init__(self, n: int = 50, mean: float = 0.0) -> None:
        self.n = n
        self.mean = mean
        self.most = 0

    def __len__(self) -> int:
        return self.n

    def read(self, rows: np.ndarray, /) -> ArrayDataset:
        self.most = max(self.most, len(rows))
        rng = np.random.default_rng(int(rows[0]))
        return ArrayDataset((self.mean + rng.normal(size=(len(rows), 3))).astype(np.float32))


class Endless(AnomalyTaskConfig):
    """Trusted samples that nobody keeps."""

    size: int = 4000
    """Trusted samples."""

    def build_reference_data(self) -> ManyAtOnce:
        return ManyAtOnce(self.size)

    def build_model(self) -> object:
        return MLP(hidden_dims=(8,)).build((3,), 2, 0)

    def build_params(self) -> object:
        handle = as_handle(self.build_model(), None, np.zeros((1, 3), np.float32), warn=False)
        return handle.tree()

    def build_anomalous_data(self) -> ManyAtOnce:
        return ManyAtOnce(60, 4.0)


def test_lazy_data_is_read_in_batches_and_in_order() -> None:
    source = OneByOne()
    data = as_samples(source, "data").take(np.array([7, 3, 40, 41, 2]))
    assert not source.asked
    batches = list(data.batches(2))
    assert source.asked == [7, 3, 40, 41, 2]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(batches[1].inputs[0], source[40][0])
    np.testing.assert_array_equal(batches[0].labels, [1, 1])
    assert data.shape == (3,)


def test_as_samples_leaves_arrays_alone_and_reads_lists() -> None:
    arrays = ArrayDataset(np.ones((2, 3)))
    assert as_samples(arrays, "data") is arrays
    assert isinstance(as_samples([np.ones(3)], "data"), ArrayDataset)
    assert isinstance(as_samples(ManyAtOnce(), "data"), LazyDataset)
    assert isinstance(ManyAtOnce(), BulkDataset)
    with pytest.raises(ConfigError, match="The data is empty"):
        as_samples(OneByOne(0), "data")
    with pytest.raises(ConfigError, match="is a int"):
        as_samples(3, "data")


def test_a_run_reads_no_more_than_a_batch_of_lazy_data(
    tmp_path: MemoryContext, run: Callable[..., Result]
) -> None:
    task = Endless(batch_size=256, baselines=False)
    sources: list[ManyAtOnce] = []
    reference = ManyAtOnce(task.size)
    sources.append(reference)
    # A config is frozen; the method is replaced on the class of this test only.
    held = type("Held", (Endless,), {"build_reference_data": lambda self: reference})
    result = run(held(batch_size=256, baselines=False), MemoryContext(tmp_path, seed=0))  # type: ignore[arg-type] # pytest's path
    assert reference.most == 256
    assert result.metrics["auroc/fused"] > 0.9


def test_a_problem_of_lazy_data_has_its_three_parts() -> None:
    problem = assemble(Endless(), Endless())
    sizes = [len(part) for part in (problem.trusted, problem.calibration, problem.normal)]
    assert sum(sizes) == 4000
    assert sizes == [2400, 600, 1000]


def test_stream_keeps_nothing_for_detectors_that_read_once() -> None:
    source = ManyAtOnce(100)
    handle = as_handle(Endless().build_model(), None, np.zeros((1, 3), np.float32), warn=False)
    stream = ModelStream(
        extractor_for(handle, (), "auto", 16), {"trusted": as_samples(source, "x")}, keep=False
    )
    assert sum(len(batch) for batch in stream.batches("trusted")) == 100
    assert not stream._kept
