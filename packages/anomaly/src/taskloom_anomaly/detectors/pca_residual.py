"""The reconstruction error of a principal component analysis: |(I - V V^T) (a - m)|^2.

The complement of the subspace is kept as a basis of its own, so that the residual is one product and nothing cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import MomentsRule, project, squared_length
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.pca_residual import PcaResidual


def build(config: PcaResidual) -> Layerwise:
    """Return the detector that the config describes."""
    rule = MomentsRule(("trusted",), lambda layer, known: fit(config, layer, known), rate)
    return Layerwise(rule, config.needs)


def fit(config: PcaResidual, layer: str, known: dict[Split, Moments]) -> Tensors:
    """Return the mean and a basis of the complement."""
    own = known["trusted"]
    values, vectors = spectrum(own.covariance)
    width = len(values)
    if config.rank:
        rank = config.rank
    else:
        explained = np.cumsum(values) / max(float(values.sum()), 1e-300)
        rank = int(np.searchsorted(explained, config.variance)) + 1
        # Something must be left over: a layer whose variance sits in all directions alike loses its last one.
        rank = min(rank, width - 1)
    if rank >= width:
        raise ValueError(
            f"Layer '{layer}' has {width} features; a rank of {rank} leaves no residual, use at most {width - 1}."
        )
    return {"mean": own.mean, "complement": vectors[:, rank:]}


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the squared residual of each row."""
    return squared_length(project(rows, fitted["mean"], fitted["complement"]))
