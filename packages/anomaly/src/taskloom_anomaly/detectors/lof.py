"""The local outlier factor: Breunig et al., SIGMOD 2000.

With the k-distance of a trusted point o and the reachability max(kdist(o), |x - o|), the density of x is the inverse mean
reachability from its k nearest trusted points, and its score is the mean of their densities over its own. A test point never
joins the reference set, so its score does not depend on the others in its batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.detectors.sampled import SampledRule, require_neighbours
from taskloom_anomaly.statistics.neighbours import nearest, nearest_others
from taskloom_anomaly.statistics.reservoir import Reservoir
from taskloom_anomaly.statistics.standard import Scaling

if TYPE_CHECKING:
    from jaxtyping import Float

# Keeps the density of a point on top of k duplicates finite.
_EPSILON = 1e-10


class LOF(LayerwiseDetector):
    """Local outlier factor among the trusted activations."""

    kind: Literal["lof"] = "lof"
    k: Annotated[int, Field(ge=1)] = 20
    """Neighbours."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept; a uniform sample of the stream when there are more."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with the paper."""

    def rule(self) -> SampledRule:
        """Return the rule whose state is a sample of the trusted rows."""
        return SampledRule(self.max_samples, self.fit_layer, self.score_layer)

    def fit_layer(self, layer: str, kept: Reservoir, spacing: float) -> Tensors:
        """Return the reference rows with their k-distances and densities."""
        scaling = Scaling.of(kept.rows, layer, spacing, standardise=self.standardise)
        rows = scaling.apply(kept.rows.astype(np.float64))
        require_neighbours(layer, len(rows), self.k)
        # As for nearest neighbours: without the common mean fewer digits cancel in the distances.
        mean = rows.mean(axis=0)
        rows -= mean
        distances, indices = nearest_others(rows, self.k)
        # The distance to the k-th neighbour, the row itself not among them: a row is not its own neighbourhood.
        reach = distances[:, -1]
        density = _density(distances, reach[indices])
        own = {"mean": mean, "reference": rows, "reach": reach, "density": density}
        return {**own, **scaling.tensors()}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the local outlier factor of each row."""
        if "unit_inverse" in fitted:
            rows = Scaling.read(fitted).apply(rows)
        distances, indices = nearest(rows - fitted["mean"], fitted["reference"], self.k)
        own = _density(distances, fitted["reach"][indices])
        return fitted["density"][indices].mean(axis=1) / own


def _density(
    distances: Float[np.ndarray, "n k"], reach: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " n"]:
    # With repeated rows every reachability can be 0; the constant keeps the density finite, and the ratio of two such at 1.
    return 1.0 / (np.maximum(distances, reach).mean(axis=1) + _EPSILON)
