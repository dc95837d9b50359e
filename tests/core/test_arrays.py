"""Files of arrays: what is written is read, nothing is half-written, nothing is unpickled."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from taskloom.arrays import load_npz, load_tensors, save_npz, save_tensors
from taskloom.errors import StoreError

FORMS = [(save_npz, load_npz, "a.npz"), (save_tensors, load_tensors, "a.safetensors")]
DTYPES = st.sampled_from([np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_])
Save = Callable[[Path, dict[str, np.ndarray]], None]
Load = Callable[[Path], dict[str, np.ndarray]]


@pytest.mark.parametrize(("save", "load", "name"), FORMS)
@settings(max_examples=25, deadline=None)
@given(
    array=DTYPES.flatmap(
        lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, save: Save, load: Load, name: str, array: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("arrays") / name
    # Transposed views and steps must not change what is read.
    arrays = {"a/b": array, "turned": array.T, "stepped": array[..., ::2] if array.ndim else array}
    save(path, arrays)
    read = load(path)
    assert set(read) == set(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(read[key], value)
        assert read[key].dtype == value.dtype
        assert read[key].flags.writeable


@pytest.mark.parametrize(("save", "load", "name"), FORMS)
def test_a_failed_write_leaves_the_previous_file(
    tmp_path: Path, save: Save, load: Load, name: str
) -> None:
    path = tmp_path / name
    save(path, {"x": np.arange(3)})
    with pytest.raises((ValueError, StoreError)):
        save(path, {"x": np.arange(4), "../x": np.arange(2)})
    assert load(path)["x"].tolist() == [0, 1, 2]
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_objects_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'x' holds Python objects"):
        save_npz(tmp_path / "a.npz", {"x": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("load", "name"), [(form[1], form[2]) for form in FORMS])
def test_damage_and_absence_are_one_sentence(tmp_path: Path, load: Load, name: str) -> None:
    with pytest.raises(StoreError, match="There is no file"):
        load(tmp_path / name)
    (tmp_path / name).write_bytes(b"not an array")
    with pytest.raises(StoreError, match="cannot be read") as caught:
        load(tmp_path / name)
    assert "\n" not in caught.value.message


def test_a_pickled_array_is_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([print], dtype=object))
    with pytest.raises(StoreError, match="cannot be read"):
        load_npz(tmp_path / "a.npz")


def _promise(path: Path, shape: tuple[int, ...], descr: str = "<f8", *, version: int = 1) -> None:
    """Write an archive of a few hundred bytes whose header promises an array of that shape."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("value.npy", b"\x93NUMPY" + bytes([version, 0]) + size + header)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_arrays_that_would_fill_the_memory_are_refused_by_their_headers(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "a.npz"
    _promise(path, (10**7, 10**5), version=version)
    tracemalloc.start()
    with pytest.raises(StoreError, match="cannot be read") as caught:
        load_npz(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "more than 1,073,741,824 bytes" in caught.value.message
    assert peak < 10_000_000


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_npz(path, {"x": np.zeros(10**6), "y": np.zeros(3)})
    assert path.stat().st_size < 10**5
    with pytest.raises(StoreError, match="more than 8,000,020 bytes"):
        load_npz(path, limit=8 * 10**6 + 20)
    with path.open("rb") as file:
        assert load_npz(file, limit=8 * 10**6 + 24)["y"].tolist() == [0, 0, 0]
    assert load_npz(path, limit=None)["x"].shape == (10**6,)


def test_importing_the_module_brings_in_no_library() -> None:
    code = "import sys, taskloom.arrays; print({'numpy', 'safetensors'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
