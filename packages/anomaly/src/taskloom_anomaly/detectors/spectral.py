"""Spectral signatures: Tran, Li and Madry 2018 (arXiv 1811.00636), algorithm 1.

For each class c let u_c be the mean of its untrusted activations and v_1 .. v_k the widest directions of their covariance:

    score(a) = sum_i ((a - u_c) . v_i)^2,   c the class of a

The poisoned samples of a class have a mean of their own, and while they are a *minority* of it they lie farther along the
direction between the two means than the clean ones. Without classes the widest direction is the one between the classes
themselves, which says nothing about poison; that form is for networks that do not classify.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.detectors.class_mahalanobis import (
    add_by_class,
    merge_by_class,
    require_classes,
    stack,
    unstack,
)
from taskloom_anomaly.detectors.gaussian import squared_length
from taskloom_anomaly.detectors.layerwise import ClassSource, Layerwise
from taskloom_anomaly.detectors.protocol import Split, Tensors
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.spectral import Spectral

# A class with fewer untrusted samples than this takes the directions of all residuals from the class means.
_LEAST = 8


def build(config: Spectral) -> Layerwise:
    """Return the detector that the config describes."""
    # A scored sample has no label that could be trusted; what the network makes of it is its class.
    scored: ClassSource = "none" if config.classes == "none" else "predicted"
    return Layerwise(SpectralRule(config), config.needs, config.classes, scored)


@dataclass(frozen=True, slots=True)
class SpectralRule:
    """The widest directions of each class; the state is one set of moments a class.

    Attributes:
        config: The detector's parameters.
    """

    config: Spectral

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del seed
        classes = 1 if self.config.classes == "none" else num_classes
        return stack([moments.empty(width)] * classes)

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        if split != "untrusted":
            return state
        require_classes(classes, len(state["mean"]))
        return add_by_class(state, rows, classes)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        return merge_by_class(a, b)

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return each class's mean, shape (K, d), and its widest directions, shape (K, d, rank)."""
        rank, each = self.config.rank, unstack(state)
        width = len(each[0].mean)
        if rank > width:
            raise ValueError(
                f"Layer '{layer}' has {width} features; a rank of {rank} does not fit."
            )
        count = sum(float(own.number) for own in each)
        if count < 2:
            raise ValueError(
                f"Layer '{layer}' has {int(count)} untrusted samples; a covariance needs at least 2."
            )
        overall = np.sum([own.number * own.mean for own in each], axis=0) / count
        common = spectrum(np.sum([own.scatter for own in each], axis=0)).vectors[:, :rank]
        alone = len(each) == 1
        return {
            "mean": np.stack([own.mean if own.number else overall for own in each]),
            "directions": np.stack(
                [
                    spectrum(own.scatter).vectors[:, :rank]
                    if alone or own.number >= max(_LEAST, rank + 1)
                    else common
                    for own in each
                ]
            ),
        }

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        wide, scores = rows.astype(np.float64), np.zeros(len(rows))
        for index in np.unique(classes):
            # All rows of the block, so that a row's product never depends on how many share its class.
            found = squared_length((wide - fitted["mean"][index]) @ fitted["directions"][index])
            scores = np.where(classes == index, found, scores)
        return scores
