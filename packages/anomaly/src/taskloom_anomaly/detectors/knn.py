"""Distance to the k-th nearest trusted activation: Sun et al. 2022 (arXiv 2204.06507)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector, unit_rows
from taskloom_anomaly.detectors.sampled import SampledRule, require_neighbours
from taskloom_anomaly.statistics.neighbours import k_centre_greedy, nearest
from taskloom_anomaly.statistics.reservoir import Reservoir
from taskloom_anomaly.statistics.standard import Scaling

if TYPE_CHECKING:
    from jaxtyping import Float


class KNN(LayerwiseDetector):
    """Distance to the k-th nearest trusted activation."""

    kind: Literal["knn"] = "knn"
    k: Annotated[int, Field(ge=1)] = 10
    """The neighbour, counted from the nearest."""
    normalize: bool = True
    """Divide every activation by its length, after its features were standardised."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with the paper."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept; a uniform sample of the stream when there are more."""
    coreset: Annotated[int, Field(ge=0)] = 0
    """Of those, how many are kept so that they cover the rest; 0 keeps all."""

    def rule(self) -> SampledRule:
        """Return the rule whose state is a sample of the trusted rows."""
        return SampledRule(self.max_samples, self.fit_layer, self.score_layer)

    def fit_layer(self, layer: str, kept: Reservoir, spacing: float) -> Tensors:
        """Return the reference rows and their mean."""
        require_neighbours(layer, len(kept.rows), self.k)
        scaling = Scaling.of(kept.rows, layer, spacing, standardise=self.standardise)
        rows = kept.rows.astype(np.float64)
        if self.normalize:
            rows = unit_rows(scaling.apply(rows))
        # Differences are what matters: without the common mean fewer digits cancel in the distances.
        mean = rows.mean(axis=0)
        rows = rows - mean
        if self.coreset:
            # A coreset of fewer than k rows has no k-th neighbour.
            spread = rows if self.normalize else rows * scaling.inverse
            rows = rows[k_centre_greedy(spread, max(self.coreset, self.k))]
        return {"mean": mean, "reference": rows, **scaling.tensors()}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the distance of each row to its k-th neighbour."""
        mean, reference = fitted["mean"], fitted["reference"]
        if "unit_inverse" not in fitted:
            # Detectors of version 0.2 are in the network's units.
            found, _ = nearest(
                (unit_rows(rows) if self.normalize else rows) - mean, reference, self.k
            )
            return found[:, -1]
        scaling = Scaling.read(fitted)
        if self.normalize:
            distances, _ = nearest(unit_rows(scaling.apply(rows)) - mean, reference, self.k)
        else:
            near = (rows - mean) * scaling.inverse
            distances, _ = nearest(near, reference * scaling.inverse, self.k)
        return distances[:, -1]
