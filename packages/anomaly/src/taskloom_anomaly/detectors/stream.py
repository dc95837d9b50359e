"""Streams of features over arrays that are already in memory or memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taskloom_anomaly.detectors.base import Features, Split


def take(features: Features, rows: slice | np.ndarray) -> Features:
    """Return the features of some of the samples."""

    def pick(array: Any) -> Any:  # noqa: ANN401 -- an array, named arrays, or None
        return None if array is None else array[rows]

    # Slices are views: a batch of a memory-mapped array is read when it is used.
    return replace(
        features,
        activations={name: array[rows] for name, array in features.activations.items()},
        logits=pick(features.logits),
        inputs=pick(features.inputs),
        labels=pick(features.labels),
        anomalous=pick(features.anomalous),
        mask=pick(features.mask),
    )


def in_batches(features: Features, batch_size: int) -> Iterator[Features]:
    """Yield consecutive batches; the last may be shorter."""
    for start in range(0, len(features), batch_size):
        yield take(features, slice(start, start + batch_size))


@dataclass(frozen=True, slots=True)
class ArrayStream:
    """A stream over whole arrays.

    Attributes:
        trusted: Trusted samples, or None.
        untrusted: Untrusted samples, or None.
        batch_size: Samples a batch.
    """

    trusted: Features | None = None
    untrusted: Features | None = None
    batch_size: int = 1024

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches in order."""
        features = self.trusted if split == "trusted" else self.untrusted
        if features is not None:
            yield from in_batches(features, self.batch_size)
