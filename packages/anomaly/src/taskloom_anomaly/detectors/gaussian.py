"""What the Gaussian detectors share: moments of each split as a layer's state, and a shrunk spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.protocol import Split, Tensors
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.moments import Moments


@dataclass(frozen=True, slots=True)
class MomentsRule:
    """A layer rule whose state is the moments of one or both splits.

    Attributes:
        splits: Which splits are read.
        fit: Maps the layer's name and the moments of each split to what scoring needs.
        rate: Maps that and rows of float64 activations, shape (n, d), to scores, shape (n,).
    """

    splits: tuple[Split, ...]
    fit: Callable[[str, dict[Split, Moments]], Tensors]
    rate: Callable[[Tensors, np.ndarray], np.ndarray]

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del num_classes, seed
        return self._packed({split: moments.empty(width) for split in self.splits})

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        del classes
        if split not in self.splits:
            return state
        own = self._unpacked(state)
        own[split] = moments.merge(own[split], moments.of_rows(rows))
        return self._packed(own)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        left, right = self._unpacked(a), self._unpacked(b)
        return self._packed({s: moments.merge(left[s], right[s]) for s in self.splits})

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return what scoring needs."""
        own = self._unpacked(state)
        for split, known in own.items():
            if known.number < 2:
                raise ValueError(
                    f"Layer '{layer}' has {int(known.number)} {split} samples; a covariance needs at least 2."
                )
        return self.fit(layer, own)

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        del classes
        return self.rate(fitted, rows.astype(np.float64))

    def _packed(self, own: dict[Split, Moments]) -> Tensors:
        return {
            name: array
            for split, known in own.items()
            for name, array in tensors.pack(known, f"{split}.").items()
        }

    def _unpacked(self, state: Tensors) -> dict[Split, Moments]:
        return {
            split: Moments(**tensors.pick(state, Moments._fields, f"{split}."))
            for split in self.splits
        }


def squared_length(rows: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " n"]:
    """Return |row|^2."""
    return np.einsum("nr,nr->n", rows, rows)
