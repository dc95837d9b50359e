"""Files of arrays read in slices along the first axis, so that memory does not grow with their length. Nothing is unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from taskloom.errors import ConfigError

ENDINGS = (".npy", ".npz", ".safetensors")


class ArrayRows(Protocol):
    """An array of which consecutive rows can be read, each once."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    def read(self, start: int, stop: int, /) -> np.ndarray:
        """Return the rows from `start` up to `stop`."""
        ...


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, ArrayRows]]:
    """Open a file of arrays; the one array of a `.npy` has the empty name.

    Raises:
        ConfigError: It is missing or damaged, holds objects, or arrays that differ in length.
    """
    with ExitStack() as stack:
        try:
            found = _opened(path, stack)
            lengths = {name: rows.shape[:1] for name, rows in found.items()}
        except Exception as error:  # zipfile, numpy and safetensors each have errors of their own
            raise ConfigError(_unreadable(path, error)) from None
        if not found or len(set(lengths.values())) != 1 or () in lengths.values():
            listed = ", ".join(f"'{name}' {rows.shape}" for name, rows in found.items())
            raise ConfigError(
                f"The arrays of '{path}' must share their first axis; they are {listed or 'none'}."
            )
        yield found


def batches(
    path: Path, arrays: Mapping[str, ArrayRows], size: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield consecutive rows of all arrays, with the place of the first.

    Raises:
        ConfigError: The file ends early.
    """
    total = next(iter(arrays.values())).shape[0]
    for start in range(0, total, size):
        stop = min(start + size, total)
        try:
            part = {name: rows.read(start, stop) for name, rows in arrays.items()}
        except Exception as error:  # as above
            raise ConfigError(_unreadable(path, error)) from None
        yield start, part


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"The file '{path}' does not exist."
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return f"The file '{path}' cannot be read: {first.rstrip('.')}."


def _opened(path: Path, stack: ExitStack) -> dict[str, ArrayRows]:
    if path.suffix == ".npy":
        return {"": _Mapped(np.load(path, mmap_mode="r", allow_pickle=False))}
    if path.suffix == ".npz":
        archive = stack.enter_context(zipfile.ZipFile(path))
        return {
            name.removesuffix(".npy"): _Member(stack.enter_context(archive.open(name)))
            for name in archive.namelist()
        }
    from safetensors import safe_open  # safetensors is heavy

    opened: Any = stack.enter_context(safe_open(path, "numpy"))
    return {name: _Sliced(opened.get_slice(name)) for name in opened.keys()}  # noqa: SIM118 -- no mapping


class _Mapped:
    """An array that is mapped into memory."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape: tuple[int, ...] = array.shape

    def read(self, start: int, stop: int, /) -> np.ndarray:
        """Return a copy: what is read leaves memory again with the batch."""
        return np.array(self._array[start:stop])


class _Sliced:
    """An array of a safetensors file."""

    def __init__(self, rows: Any) -> None:  # noqa: ANN401 -- of safetensors
        self._rows = rows
        self.shape: tuple[int, ...] = tuple(rows.get_shape())

    def read(self, start: int, stop: int, /) -> np.ndarray:
        """Return the rows."""
        return np.array(self._rows[start:stop])


class _Member:
    """An array inside of an archive, which unpacks from its beginning to its end."""

    def __init__(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        read: Any = np.lib.format.read_array_header_2_0
        if version == (1, 0):
            read = np.lib.format.read_array_header_1_0
        shape, is_fortran, self._dtype = read(file)
        if self._dtype.hasobject:
            raise ValueError("it holds Python objects, which only pickle could read")
        self.shape: tuple[int, ...] = tuple(shape)
        self._file = file
        # Column by column, no row is together: such an array is unpacked as a whole.
        self._whole = None
        if is_fortran and len(self.shape) > 1:
            flat = np.frombuffer(file.read(), self._dtype, math.prod(self.shape))
            self._whole = flat.reshape(self.shape[::-1]).transpose()

    def read(self, start: int, stop: int, /) -> np.ndarray:
        """Return the next rows."""
        if self._whole is not None:
            return np.ascontiguousarray(self._whole[start:stop])
        count = (stop - start) * math.prod(self.shape[1:])
        packed = self._file.read(count * self._dtype.itemsize)
        return np.frombuffer(packed, self._dtype, count).reshape(stop - start, *self.shape[1:])
