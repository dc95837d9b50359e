"""Spectral signatures: Tran, Li and Madry 2018 (arXiv 1811.00636), algorithm 1.

For each class c let u_c be the mean of its untrusted activations and v_1 .. v_k the widest directions of their covariance:

    score(a) = sum_i ((a - u_c) . v_i)^2,   c the class of a

The poisoned samples of a class have a mean of their own, and while they are a *minority* of it they lie farther along the
direction between the two means than the clean ones. Without classes the widest direction is the one between the classes
themselves, which says nothing about poison; that form is for networks that do not classify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.by_class import ByClassRule
from taskloom_anomaly.detectors.gaussian import project, squared_length
from taskloom_anomaly.detectors.layerwise import ClassSource, Layerwise
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.spectral import Spectral

# A class with fewer untrusted samples than this takes the directions of all residuals from the class means.
_LEAST = 8


def build(config: Spectral) -> Layerwise:
    """Return the detector that the config describes."""
    pooled = config.classes == "none"
    rule = ByClassRule(
        "untrusted", lambda layer, each: fit(layer, each, config.rank), rate, pooled=pooled
    )
    # A scored sample has no label that could be trusted; what the network makes of it is its class.
    scored: ClassSource = "none" if pooled else "predicted"
    return Layerwise(rule, config.needs, config.classes, scored)


def fit(layer: str, each: list[Moments], rank: int) -> Tensors:
    """Return each class's mean, shape (K, d), and its widest directions, shape (K, d, rank)."""
    width = len(each[0].mean)
    if rank > width:
        raise ValueError(f"Layer '{layer}' has {width} features; a rank of {rank} does not fit.")
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


def rate(
    fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return the score of each row."""
    scores = np.zeros(len(rows))
    for index in np.unique(classes):
        # All rows of the block, so that a row's product never depends on how many share its class.
        found = squared_length(project(rows, fitted["mean"][index], fitted["directions"][index]))
        scores = np.where(classes == index, found, scores)
    return scores
