"""What a closed loop did, as arrays: recorded, hashed, saved as npz and read back."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

# Wall-clock times differ from run to run; they are kept, but they are not what a run did.
NOT_HASHED = ("plan_seconds",)
# What the report draws; how much of it is kept does not change what a run did.
_EXTRA_PREFIX = "fan_"


class Recorder:
    """Rows that grow while the loop runs, by name."""

    def __init__(self) -> None:
        self._rows: dict[str, list[np.ndarray]] = {}

    def add(self, **values: np.ndarray | float | bool) -> None:
        """Append one row to each of the named arrays."""
        for name, value in values.items():
            self._rows.setdefault(name, []).append(np.array(value))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays."""
        return {name: np.stack(rows) for name, rows in self._rows.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays."""
        self._rows = {name: list(array) for name, array in arrays.items()}

    def last(self, name: str, count: int) -> np.ndarray:
        """Return the last rows of an array."""
        return np.stack(self._rows[name][-count:])


def trajectory_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of what a run did: names, types, shapes and bytes of all arrays that are not wall-clock times."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name in NOT_HASHED or name.startswith(_EXTRA_PREFIX):
            continue
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz file in one piece; nothing in it is pickled."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content.getvalue())
    os.replace(part, path)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
