"""Features that never vary on the trusted samples, and inputs in which they do: a dead unit that wakes is a finding, and no part of a distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.statistics.standard import SPACING

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from taskloom_anomaly.detectors.base import Features

# Spacings of the network's precision by which a feature must depart.
_SPACINGS = 4.0
PREFIX = "constants|"


@dataclass(frozen=True, eq=False)
class Constants:
    """The constant features of each layer.

    Attributes:
        layers: By layer three rows of numbers: their indices, their values, and the departures that are no rounding.
    """

    layers: Mapping[str, Float[np.ndarray, "3 c"]]

    def departed(self, features: Features) -> Int[np.ndarray, " n"]:
        """Return in how many constant features each sample departs, over all layers; with positions, in any real one."""
        found = np.zeros(len(next(iter(features.activations.values()), ())), np.int64)
        for name, (index, value, bound) in self.layers.items():
            rows = features.activations.get(name)
            if rows is None or not len(index):
                continue
            apart = np.abs(rows[..., index.astype(np.int64)].astype(np.float64) - value) > bound
            mask = features.mask
            if apart.ndim == 3 and mask is not None and mask.shape == apart.shape[:2]:
                apart = apart & mask[:, :, None]
            found += apart.reshape(len(rows), -1, len(index)).any(axis=1).sum(axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that a file keeps."""
        return {f"{PREFIX}{name}": np.asarray(rows) for name, rows in self.layers.items()}


@dataclass
class Ranges:
    """The least and the largest value of every feature of a stream, by layer."""

    low: dict[str, np.ndarray] = field(default_factory=dict)
    high: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, features: Features) -> None:
        """Look at a further batch."""
        for name, rows in features.activations.items():
            flat = rows.reshape(-1, rows.shape[-1])
            if not len(flat):
                continue
            low, high = flat.min(axis=0), flat.max(axis=0)
            self.low[name] = np.minimum(self.low[name], low) if name in self.low else low
            self.high[name] = np.maximum(self.high[name], high) if name in self.high else high

    def constants(self, precisions: Mapping[str, str]) -> Constants:
        """Return the features that never varied by more than rounding.

        Args:
            precisions: The precision in which the network computes each layer, where that is known.
        """
        found = {}
        for name, low in self.low.items():
            spacing = SPACING.get(precisions.get(name, ""), SPACING["float32"])
            wide, high = low.astype(np.float64), self.high[name].astype(np.float64)
            bound = _SPACINGS * spacing * np.maximum(np.abs(wide), np.abs(high))
            index = np.flatnonzero(high - wide <= bound)
            found[name] = np.stack([index, (wide + high)[index] / 2, bound[index]])
        return Constants(found)
