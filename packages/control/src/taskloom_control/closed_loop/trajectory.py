"""Trajectory of a closed loop as arrays: recorded and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

# Wall-clock times differ from run to run; they are kept, but they are not what a run did.
NOT_HASHED = ("plan_seconds",)
COST_PREFIX = "cost_"
# What the report draws; how much of it is kept does not change what a run did.
_EXTRA_PREFIXES = ("fan_", COST_PREFIX)


def is_hashed(name: str) -> bool:
    """Return whether an array of this name is part of what a run did."""
    return name not in NOT_HASHED and not name.startswith(_EXTRA_PREFIXES)


class TermRecorder:
    """The cost of every step by the name of the term; a term that a step does not have is not a number there."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def add(self, terms: Mapping[str, float]) -> None:
        """Append a step."""
        self._rows.append(dict(terms))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return one array for each term, by its prefixed name, in the order in which they first came."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        return {
            COST_PREFIX + name: np.array([row.get(name, np.nan) for row in self._rows])
            for name in names
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays; others than those of terms are left alone."""
        found = {
            k.removeprefix(COST_PREFIX): v for k, v in arrays.items() if k.startswith(COST_PREFIX)
        }
        count = max((len(values) for values in found.values()), default=0)
        self._rows = [
            {name: float(values[i]) for name, values in found.items() if not np.isnan(values[i])}
            for i in range(count)
        ]


class TrajectoryRecorder:
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
        if not is_hashed(name):
            continue
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
