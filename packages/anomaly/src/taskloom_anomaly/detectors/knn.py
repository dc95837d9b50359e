"""Distance to the k-th nearest trusted activation: Sun et al. 2022 (arXiv 2204.06507)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.detectors.sampled import SampledRule, require_neighbours
from taskloom_anomaly.statistics.neighbours import k_centre_greedy, nearest
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.knn import Knn


def build(config: Knn) -> Layerwise:
    """Return the detector that the config describes."""

    def fit(layer: str, kept: Reservoir) -> Tensors:
        rows = kept.rows.astype(np.float64)
        require_neighbours(layer, len(rows), config.k)
        # Differences are what matters: without the common mean fewer digits cancel in the distances.
        mean = rows.mean(axis=0)
        rows -= mean
        if config.coreset:
            rows = rows[k_centre_greedy(rows, max(config.coreset, config.k))]
        return {"mean": mean, "reference": rows}

    def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        distances, _ = nearest(rows - fitted["mean"], fitted["reference"], config.k)
        return distances[:, -1]

    rule = SampledRule(config.max_samples, fit, rate)
    return Layerwise(rule, config.needs, unit_length=config.normalize)
