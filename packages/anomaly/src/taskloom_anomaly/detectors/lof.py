"""The local outlier factor: Breunig et al., SIGMOD 2000.

With the k-distance of a trusted point o and the reachability max(kdist(o), |x - o|), the density of x is the inverse mean
reachability from its k nearest trusted points, and its score is the mean of their densities over its own. A test point never
joins the reference set, so its score does not depend on the others in its batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.detectors.sampled import SampledRule, require_neighbours
from taskloom_anomaly.statistics.neighbours import nearest, nearest_others
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.lof import Lof

# Keeps the density of a point on top of k duplicates finite.
_EPSILON = 1e-10


def build(config: Lof) -> Layerwise:
    """Return the detector that the config describes."""

    def fit(layer: str, kept: Reservoir) -> Tensors:
        rows = kept.rows.astype(np.float64)
        require_neighbours(layer, len(rows), config.k)
        mean = rows.mean(axis=0)
        rows -= mean
        distances, indices = nearest_others(rows, config.k)
        reach = distances[:, -1]
        return {
            "mean": mean,
            "reference": rows,
            "reach": reach,
            "density": _density(distances, reach[indices]),
        }

    def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        distances, indices = nearest(rows - fitted["mean"], fitted["reference"], config.k)
        own = _density(distances, fitted["reach"][indices])
        return fitted["density"][indices].mean(axis=1) / own

    return Layerwise(SampledRule(config.max_samples, fit, rate), config.needs)


def _density(
    distances: Float[np.ndarray, "n k"], reach: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " n"]:
    return 1.0 / (np.maximum(distances, reach).mean(axis=1) + _EPSILON)
