"""Spectral signatures: Tran, Li and Madry 2018 (arXiv 1811.00636).

With the mean u of the untrusted activations and v_1 .. v_k the widest directions of their covariance:

    score(a) = sum_i ((a - u) . v_i)^2
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from taskloom_anomaly.detectors.gaussian import MomentsRule, squared_length
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.detectors.protocol import Split, Tensors
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.spectral import Spectral


def build(config: Spectral) -> Layerwise:
    """Return the detector that the config describes."""
    rule = MomentsRule(("untrusted",), lambda layer, known: fit(config, layer, known), rate)
    return Layerwise(rule, config.needs)


def fit(config: Spectral, layer: str, known: dict[Split, Moments]) -> Tensors:
    """Return the untrusted mean and its widest directions as columns."""
    own = known["untrusted"]
    if config.rank > len(own.mean):
        raise ValueError(
            f"Layer '{layer}' has {len(own.mean)} features; a rank of {config.rank} does not fit."
        )
    return {"mean": own.mean, "directions": spectrum(own.covariance).vectors[:, : config.rank]}


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the score of each row."""
    return squared_length((rows - fitted["mean"]) @ fitted["directions"])
