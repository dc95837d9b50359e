"""Flat dictionaries of arrays: taken apart by layer, put together again, and records packed into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from taskloom_anomaly.detectors.base import Tensors


@runtime_checkable
class Record(Protocol):
    """A NamedTuple of arrays."""

    def _asdict(self) -> dict[str, Any]:
        """Return the fields by name."""
        ...


def join(nested: Mapping[str, Tensors]) -> Tensors:
    """Return one flat dictionary with names `<layer>/<quantity>`.

    Arrays become contiguous, so that a matrix product takes the same path, to the last bit, before and after a file.
    """
    return {
        f"{layer}/{name}": np.asarray(array, order="C")
        for layer, tensors in nested.items()
        for name, array in tensors.items()
    }


def apart(tensors: Tensors) -> dict[str, Tensors]:
    """Return the tensors of each layer; layer names may contain slashes."""
    nested: dict[str, Tensors] = {}
    for key, array in tensors.items():
        # From the right: a quantity has no slash, a layer's name may have several.
        layer, _, name = key.rpartition("/")
        nested.setdefault(layer, {})[name] = array
    return nested


def pack(record: Record, prefix: str = "") -> Tensors:
    """Return a record's fields as arrays."""
    return {f"{prefix}{name}": np.asarray(value) for name, value in record._asdict().items()}


def pick(tensors: Tensors, names: Sequence[str], prefix: str = "") -> Tensors:
    """Return the arrays that `pack` stored: `Moments(**pick(state, Moments._fields))`."""
    return {name: tensors[f"{prefix}{name}"] for name in names}
