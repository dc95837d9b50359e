"""The activation store: keys by content, one pass for what is missing, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from taskloom_anomaly.detection.activations import ActivationStore, activation_key, content_hash

INPUTS = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)


class Model:
    """Two layers, and a count of the passes over the data."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, batch: np.ndarray, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        self.calls.append((len(batch), tuple(layers)))
        everything = {"a": 2 * batch, "b": np.stack([batch, -batch], axis=1)}
        return {name: everything[name] for name in layers}


def test_store_gives_back_what_the_model_gave(tmp_path: Path) -> None:
    found = ActivationStore(tmp_path / "new").fetch("m", INPUTS, ["a", "b"], Model(), batch_size=20)
    np.testing.assert_array_equal(found["a"], 2 * INPUTS)
    np.testing.assert_array_equal(found["b"][:, 1], -INPUTS)
    assert isinstance(found["a"], np.memmap)
    assert found["b"].shape == (50, 2, 6)
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 0


def test_store_computes_each_layer_once(tmp_path: Path) -> None:
    store, model = ActivationStore(tmp_path), Model()
    store.fetch("m", INPUTS, ["a"], model, batch_size=50)
    store.fetch("m", INPUTS, ["a", "b"], model, batch_size=50)
    store.fetch("m", INPUTS.copy(), ["b", "a"], model, batch_size=50)
    assert model.calls == [(50, ("a",)), (50, ("b",))]


@pytest.mark.parametrize(
    ("model", "inputs", "processing"),
    [
        ("other", INPUTS, ""),
        ("m", INPUTS, "mean"),
        ("m", INPUTS.reshape(25, 12), ""),
        ("m", INPUTS.view(np.int32), ""),
        ("m", INPUTS + np.float32(1e-7), ""),
    ],
    ids=["model", "processing", "shape", "dtype", "bytes"],
)
def test_store_tells_apart_what_the_seed_systems_cache_confused(
    tmp_path: Path, model: str, inputs: np.ndarray, processing: str
) -> None:
    # Its key is the tuple of all input values: blind to shape, model and preprocessing (defect 10).
    store, runs = ActivationStore(tmp_path), Model()
    store.fetch("m", INPUTS, ["a"], runs)
    found = store.fetch(model, inputs, ["a"], runs, processing=processing)
    assert len(runs.calls) == 2
    np.testing.assert_array_equal(found["a"], 2 * inputs)


def test_keys_do_not_run_into_each_other() -> None:
    parts = [("ab", "c", "d", ""), ("a", "bc", "d", ""), ("ab", "c", "", "d"), ("ab", "", "cd", "")]
    assert len({activation_key(*part) for part in parts}) == 4


def test_content_hash_follows_the_values_not_the_memory() -> None:
    assert content_hash(INPUTS.T) == content_hash(INPUTS.T.copy())
    assert content_hash(INPUTS.T) != content_hash(INPUTS)
    assert content_hash(np.zeros(0)) != content_hash(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="Python objects"):
        content_hash(np.array(["a", None], dtype=object))


def test_store_leaves_nothing_half_written(tmp_path: Path) -> None:
    def failing(batch: np.ndarray, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        if len(batch) < 20:
            raise RuntimeError("out of memory")
        return Model()(batch, layers)

    with pytest.raises(RuntimeError, match="out of memory"):
        ActivationStore(tmp_path).fetch("m", INPUTS, ["a", "b"], failing, batch_size=20)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_store_computes_a_damaged_file_anew(tmp_path: Path) -> None:
    store, model = ActivationStore(tmp_path), Model()
    store.fetch("m", INPUTS, ["a"], model)
    path = store.path(activation_key("m", content_hash(INPUTS), "a", ""))
    path.write_bytes(path.read_bytes()[:200])
    np.testing.assert_array_equal(store.fetch("m", INPUTS, ["a"], model)["a"], 2 * INPUTS)
    assert len(model.calls) == 2


def test_store_serves_several_writers_at_once(tmp_path: Path) -> None:
    store, start = ActivationStore(tmp_path), threading.Barrier(8)

    def fetch(_: int) -> dict[str, np.ndarray]:
        start.wait(timeout=300)
        return store.fetch("m", INPUTS, ["a", "b"], Model(), batch_size=7)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(fetch, range(8)):
            np.testing.assert_array_equal(found["a"], 2 * INPUTS)
            np.testing.assert_array_equal(found["b"][:, 0], INPUTS)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in kept) == [".npy", ".npy"]


def test_store_of_another_process_is_read_not_computed(tmp_path: Path) -> None:
    code = (
        "import sys; import numpy as np; from pathlib import Path\n"
        "from taskloom_anomaly.detection.activations import ActivationStore\n"
        "inputs = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)\n"
        "ActivationStore(Path(sys.argv[1])).fetch('m', inputs, ['a'], lambda b, _: {'a': 2 * b})\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, timeout=300)
    model = Model()
    np.testing.assert_array_equal(
        ActivationStore(tmp_path).fetch("m", INPUTS, ["a"], model)["a"], 2 * INPUTS
    )
    assert not model.calls


def test_store_never_unpickles(tmp_path: Path) -> None:
    store = ActivationStore(tmp_path)
    store.put("00" * 20, np.zeros(3))
    np.save(store.path("00" * 20), np.array([{}], dtype=object), allow_pickle=True)
    assert store.get("00" * 20) is None


def test_store_refuses_rows_that_do_not_match(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Layer 'a' has 49 rows for 50 inputs"):
        ActivationStore(tmp_path).fetch("m", INPUTS, ["a"], lambda b, _: {"a": b[1:]})
