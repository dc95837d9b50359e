"""Data sets: anything with a length and items works; arrays are the fast path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data.named import (
    Inputs,
    NamedArrays,
    join_rows,
    padded_rows,
    require_rows_of_masks,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Int


@runtime_checkable
class Dataset(Protocol):
    """A map from an index to an input, or to `(input, label)`, as `build_reference_data` returns it; torch's fit too."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, index: int, /) -> Any:  # noqa: ANN401 -- whatever the data set holds
        """One input, or an input and its label."""
        ...


class Samples(Protocol):
    """Samples that are read batch by batch; whether they are in memory is their own business."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        ...

    def take(self, rows: slice | Int[np.ndarray, " m"], /) -> Samples:
        """Return some of the samples."""
        ...

    def batches(self, size: int, /) -> Iterator[ArrayDataset]:
        """Yield consecutive batches; the last may be shorter."""
        ...

    def arrays(self) -> ArrayDataset:
        """Return all samples in memory."""
        ...


@dataclass(frozen=True)
class ArrayDataset:
    """A data set that is arrays; implements `Samples`.

    Attributes:
        inputs: Samples, first axis counts them; a dictionary of arrays becomes `NamedArrays`.
        labels: Class of each sample, if known.
        anomalous: Whether each sample is anomalous, where that is known; only skyline detectors may see it.
    """

    inputs: Inputs
    labels: Int[np.ndarray, " n"] | None = None
    anomalous: Bool[np.ndarray, " n"] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.inputs, Mapping):
            named = {name: np.asarray(array) for name, array in self.inputs.items()}
            object.__setattr__(self, "inputs", NamedArrays(named))
        if isinstance(self.inputs, NamedArrays):
            require_rows_of_masks(self.inputs)
        for name in ("labels", "anomalous"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.inputs):
                raise ConfigError(
                    f"A data set has {len(self.inputs)} inputs and {len(value)} {name}; one of each per sample is needed."
                )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int, /) -> tuple[Inputs, int]:
        label = -1 if self.labels is None else int(self.labels[index])
        return self.inputs[index], label

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    def arrays(self) -> ArrayDataset:
        """Return itself."""
        return self

    def take(self, rows: slice | Int[np.ndarray, " m"]) -> ArrayDataset:
        """Return some of the samples."""
        return ArrayDataset(
            self.inputs[rows],
            None if self.labels is None else self.labels[rows],
            None if self.anomalous is None else self.anomalous[rows],
        )

    def batches(self, size: int) -> Iterator[ArrayDataset]:
        """Yield consecutive batches; the last may be shorter."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


def as_arrays(dataset: object, name: str = "data") -> ArrayDataset:
    """Return any data set as arrays.

    Args:
        dataset: Anything with a length and items.
        name: What the data is called in messages.

    Raises:
        ConfigError: It is no data set, it is empty, or its inputs differ in shape.
    """
    if isinstance(dataset, ArrayDataset):
        found = dataset
    elif isinstance(dataset, (np.ndarray, NamedArrays)):
        found = ArrayDataset(dataset)
    elif isinstance(dataset, Mapping):
        found = ArrayDataset(NamedArrays({k: np.asarray(v) for k, v in dataset.items()}))
    elif hasattr(dataset, "columns") and hasattr(dataset, "to_numpy"):
        found = table_rows(dataset, name)
    elif not isinstance(dataset, Dataset):
        raise ConfigError(
            f"The {name} is a {type(dataset).__name__}; something with __len__ and __getitem__ is needed."
        )
    else:
        found = collect([dataset[i] for i in range(len(dataset))], name)
    if len(found) == 0:
        raise ConfigError(f"The {name} is empty.")
    return found


def collect(items: list[Any], name: str) -> ArrayDataset:
    """Return items, each an input or an input and its label, as arrays.

    An input is an array, a number or a list; or a dictionary of such, passed by keyword; or rows (t, ...) that differ in
    length, which are padded on the right.

    Raises:
        ConfigError: The inputs differ in shape elsewhere, or in their names.
    """
    labelled = bool(items) and isinstance(items[0], tuple)
    inputs = [item[0] if labelled else item for item in items]
    labels = np.asarray([int(item[1]) for item in items]) if labelled else None
    if inputs and isinstance(inputs[0], Mapping):
        names = list(inputs[0])
        if any(list(item) != names for item in inputs):
            raise ConfigError(
                f"The inputs of the {name} have different names; the first has {names}."
            )
        columns = {key: _stacked([np.asarray(item[key]) for item in inputs], name) for key in names}
        return ArrayDataset(NamedArrays(_named(columns)), labels)
    found = _stacked([np.asarray(item) for item in inputs], name) if inputs else np.empty((0,))
    return ArrayDataset(found, labels)


def _named(columns: Mapping[str, Inputs]) -> dict[str, np.ndarray]:
    """Return columns of which some were padded as plain arrays; a mask that is made has the usual name."""
    found: dict[str, np.ndarray] = {}
    for key, column in columns.items():
        if isinstance(column, NamedArrays):
            found[key] = column.first
            found.setdefault("attention_mask", column.arrays["attention_mask"])
        else:
            found[key] = column
    return found


def _stacked(rows: list[np.ndarray], name: str) -> Inputs:
    shapes = {array.shape for array in rows}
    if len(shapes) == 1:
        return np.stack(rows)
    if len({shape[1:] for shape in shapes}) == 1 and all(shapes):
        return padded_rows(rows)
    listed = ", ".join(map(str, sorted(shapes)[:3]))
    raise ConfigError(f"The inputs of the {name} differ in shape: {listed}.")


def table_rows(table: Any, name: str) -> ArrayDataset:  # noqa: ANN401 -- a DataFrame, whose package is not asked for
    """Return the columns of a data frame, in order.

    Raises:
        ConfigError: A column does not hold numbers.
    """
    wrong = [str(key) for key in table.columns if table[key].to_numpy().dtype.kind not in "biuf"]
    if wrong:
        raise ConfigError(
            f"The {name} has columns that are no numbers: {', '.join(wrong)}; leave them out or encode them."
        )
    return ArrayDataset(table.to_numpy(dtype=np.float32))


def concatenate(parts: list[ArrayDataset]) -> ArrayDataset:
    """Join data sets; labels and flags survive where every part has them."""

    def join(name: str) -> np.ndarray | None:
        values = [getattr(part, name) for part in parts]
        return None if any(v is None for v in values) else np.concatenate(values)

    return ArrayDataset(
        join_rows([part.inputs for part in parts]), join("labels"), join("anomalous")
    )


def mix(
    normal: ArrayDataset, anomalous: ArrayDataset, normal_weight: float | None = 0.5
) -> ArrayDataset:
    """Mix normal and anomalous samples, normal ones first, and flag them.

    The length is `min(int(n / w), int(m / (1 - w)))`; of 9 normal and 7 anomalous samples at w = 0.5, 7 and 7 are taken.

    Args:
        normal: Normal samples.
        anomalous: Anomalous samples.
        normal_weight: Share w of normal samples; None takes everything.
    """
    n, m = len(normal), len(anomalous)
    if normal_weight is not None:
        w = normal_weight
        total = min(int(n / w) if w > 0 else m, int(m / (1 - w)) if w < 1 else n)
        n = int(total * w)
        m = total - n
    flags = np.concatenate([np.zeros(n, bool), np.ones(m, bool)])
    both = concatenate([normal.take(slice(n)), anomalous.take(slice(m))])
    return ArrayDataset(both.inputs, both.labels, flags)
