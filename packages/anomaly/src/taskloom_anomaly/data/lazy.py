"""Data sets that stay where they are and are read batch by batch: a run's memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data.arrays import ArrayDataset, Dataset, Samples, as_arrays, collect
from taskloom_anomaly.data.named import NamedArrays

if TYPE_CHECKING:
    from jaxtyping import Int


@runtime_checkable
class BulkDataset(Protocol):
    """A data set that hands out several samples at once, which is faster than one by one."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def read(self, rows: Int[np.ndarray, " m"], /) -> ArrayDataset:
        """Return the samples of these indices, in this order."""
        ...


@dataclass(frozen=True)
class LazyDataset:
    """Some samples of a data set, read when they are needed; implements `Samples`.

    Attributes:
        source: Where they are.
        rows: Indices of the samples.
        name: What the data is called in messages.
    """

    source: Dataset | BulkDataset
    rows: Int[np.ndarray, " n"]
    name: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, read off the first."""
        return self._read(self.rows[:1]).shape

    def take(self, rows: slice | Int[np.ndarray, " m"]) -> LazyDataset:
        """Return some of the samples; nothing is read."""
        return replace(self, rows=self.rows[rows])

    def batches(self, size: int) -> Iterator[ArrayDataset]:
        """Read consecutive batches; the last may be shorter."""
        for start in range(0, len(self), size):
            yield self._read(self.rows[start : start + size])

    def arrays(self) -> ArrayDataset:
        """Read everything."""
        return self._read(self.rows)

    def _read(self, rows: Int[np.ndarray, " m"]) -> ArrayDataset:
        if isinstance(self.source, BulkDataset):
            return self.source.read(rows)
        return collect([self.source[int(i)] for i in rows], self.name)


def as_samples(dataset: object, name: str) -> Samples:
    """Return arrays and lists as arrays, and any other data set as one that is read batch by batch.

    Args:
        dataset: Anything with a length, and items or `read`.
        name: What the data is called in messages.

    Raises:
        ConfigError: It is no data set, or it is empty.
    """
    whole = (ArrayDataset, NamedArrays, np.ndarray, list, tuple, Mapping)
    is_table = hasattr(dataset, "columns") and hasattr(dataset, "to_numpy")
    if isinstance(dataset, whole) or is_table or not isinstance(dataset, (Dataset, BulkDataset)):
        return as_arrays(dataset, name)
    if len(dataset) == 0:
        raise ConfigError(f"The {name} is empty.")
    return LazyDataset(dataset, np.arange(len(dataset)), name)
