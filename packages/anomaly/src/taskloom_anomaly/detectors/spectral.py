"""Spectral signatures: Tran, Li and Madry 2018 (arXiv 1811.00636), algorithm 1.

For each class c let u_c be the mean of its untrusted activations and v_1 .. v_k the widest directions of their covariance:

    score(a) = sum_i ((a - u_c) . v_i)^2,   c the class of a

The poisoned samples of a class have a mean of their own, and while they are a *minority* of it they lie farther along the
direction between the two means than the clean ones. Without classes the widest direction is the one between the classes
themselves, which says nothing about poison; that form is for networks that do not classify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Need, Tensors
from taskloom_anomaly.detectors.by_class import ByClassRule
from taskloom_anomaly.detectors.gaussian import project, squared_length
from taskloom_anomaly.detectors.layerwise import LayerReading, LayerwiseDetector
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.standard import Units, units_of
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# A class with fewer untrusted samples than this takes the directions of all residuals from the class means.
_LEAST = 8


class Spectral(LayerwiseDetector):
    """Spectral signatures of the untrusted data; needs no trusted data."""

    kind: Literal["spectral"] = "spectral"
    classes: Literal["predicted", "label", "none"] = "predicted"
    """Class that an untrusted sample counts to: the predicted one, its label, which a poisoned sample shares with its
    target, or none, for networks that do not classify. A scored sample counts to the predicted one."""
    rank: Annotated[int, Field(ge=1)] = 1
    """Widest directions kept."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with the paper."""

    @property
    def needs(self) -> frozenset[Need]:
        """The untrusted split only, and the predicted classes unless all samples are one class."""
        by_class = self.classes != "none"
        return frozenset({"activations", "untrusted", *(("logits",) if by_class else ())})

    @property
    def reading(self) -> LayerReading:
        """Classes as configured for the fit; a scored sample has no label that could be trusted, only a prediction."""
        return LayerReading(self.classes, "none" if self.classes == "none" else "predicted")

    def rule(self) -> ByClassRule:
        """Return the rule whose state is the moments of each class."""
        pooled = self.classes == "none"
        return ByClassRule("untrusted", self.fit_layer, self.score_layer, pooled=pooled)

    def fit_layer(self, layer: str, each: list[Moments], spacing: float) -> Tensors:
        """Return each class's mean, shape (K, d), and its widest directions, shape (K, d, rank)."""
        width, rank = len(each[0].mean), self.rank
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
        within = np.sum([own.scatter for own in each], axis=0)
        units = units_of(
            overall,
            within.diagonal() / max(count - 1, 1),
            spacing,
            standardise=self.standardise,
            layer=layer,
            count=count,
        )
        common = self._widest(units, within)
        # Without classes there is no pool of others to fall back on, however few the samples.
        alone = len(each) == 1
        return {
            "mean": np.stack([own.mean if own.number else overall for own in each]),
            "directions": np.stack(
                [
                    self._widest(units, own.scatter)
                    if alone or own.number >= max(_LEAST, rank + 1)
                    else common
                    for own in each
                ]
            ),
        }

    def _widest(self, units: Units, scatter: np.ndarray) -> Float[np.ndarray, "d r"]:
        return units.back(spectrum(units.scatter(scatter)).vectors[:, : self.rank])

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the squared length of each row's projection on the directions of its class."""
        scores = np.zeros(len(rows))
        for index in np.unique(classes):
            # All rows of the block, so that a row's product never depends on how many share its class.
            white = project(rows, fitted["mean"][index], fitted["directions"][index])
            scores = np.where(classes == index, squared_length(white), scores)
        return scores
