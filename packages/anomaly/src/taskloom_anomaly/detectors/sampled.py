"""The rule of detectors that keep trusted samples: the state of a layer is a bounded reservoir."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import spacing_of
from taskloom_anomaly.statistics import reservoir
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True)
class SampledRule:
    """A layer rule whose state is a reservoir of the trusted rows.

    Attributes:
        capacity: Most rows kept.
        fit: Maps the layer's name, the reservoir and the network's spacing to the tensors that scoring reads.
        rate: Maps those and float64 rows, shape (n, d), to scores, shape (n,).
    """

    capacity: int
    fit: Callable[[str, Reservoir, float], Tensors]
    rate: Callable[[Tensors, np.ndarray], np.ndarray]

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return an empty reservoir."""
        del num_classes
        return tensors.pack(reservoir.empty(self.capacity, width, seed))

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the reservoir after further rows."""
        if split != "trusted":
            return state
        # Classes are kept by rules without classes, too, so that every reservoir has one form.
        return tensors.pack(reservoir.add(unpacked(state), rows, classes))

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the reservoir of both shards."""
        return tensors.pack(reservoir.merge(unpacked(a), unpacked(b)))

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        return self.fit(layer, unpacked(state), spacing_of(state))

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        del classes
        # Distances between close rows are differences of large numbers.
        return self.rate(fitted, rows.astype(np.float64))


def unpacked(state: Tensors) -> Reservoir:
    """Return the reservoir of a layer's state."""
    return Reservoir(**tensors.pick(state, Reservoir._fields))


def require_neighbours(layer: str, count: int, k: int) -> None:
    """Refuse fewer samples than neighbours.

    Raises:
        ValueError: If there are not more than k samples.
    """
    if count <= k:
        raise ValueError(
            f"Layer '{layer}' has {count} trusted samples; {k} neighbours need at least {k + 1}."
        )
