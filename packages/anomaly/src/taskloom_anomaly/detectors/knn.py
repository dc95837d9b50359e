"""Distance to the k-th nearest trusted activation: Sun et al. 2022 (arXiv 2204.06507)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import LayerReading, LayerwiseDetector
from taskloom_anomaly.detectors.sampled import SampledRule, require_neighbours
from taskloom_anomaly.statistics.neighbours import k_centre_greedy, nearest
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from jaxtyping import Float


class KNN(LayerwiseDetector):
    """Distance to the k-th nearest trusted activation."""

    kind: Literal["knn"] = "knn"
    k: Annotated[int, Field(ge=1)] = 10
    """The neighbour, counted from the nearest."""
    normalize: bool = True
    """Divide every activation by its length first."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept; a uniform sample of the stream when there are more."""
    coreset: Annotated[int, Field(ge=0)] = 0
    """Of those, how many are kept so that they cover the rest; 0 keeps all."""

    @property
    def reading(self) -> LayerReading:
        """Rows of unit length, unless that is switched off."""
        return LayerReading(unit_length=self.normalize)

    def rule(self) -> SampledRule:
        """Return the rule whose state is a sample of the trusted rows."""
        return SampledRule(self.max_samples, self.fit_layer, self.score_layer)

    def fit_layer(self, layer: str, kept: Reservoir) -> Tensors:
        """Return the reference rows and their mean."""
        rows = kept.rows.astype(np.float64)
        require_neighbours(layer, len(rows), self.k)
        # Differences are what matters: without the common mean fewer digits cancel in the distances.
        mean = rows.mean(axis=0)
        rows -= mean
        if self.coreset:
            # A coreset of fewer than k rows has no k-th neighbour.
            rows = rows[k_centre_greedy(rows, max(self.coreset, self.k))]
        return {"mean": mean, "reference": rows}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the distance of each row to its k-th neighbour."""
        distances, _ = nearest(rows - fitted["mean"], fitted["reference"], self.k)
        return distances[:, -1]
