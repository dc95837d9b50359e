"""From one score a layer to one score a sample.

Raw scores of different layers are on different scales: their mean would follow the widest layer. Every layer is first
put on a common scale by its scores on held-out normal samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

Fusion: TypeAlias = Literal["mean", "max", "cauchy"]
Scores: TypeAlias = "Mapping[str, Float[np.ndarray, ' n']]"


def standardise(
    scores: Float[np.ndarray, " n"], calibration: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """Centre by the median and divide by the median absolute deviation of the calibration scores."""
    centre = np.median(calibration)
    spread = 1.4826 * np.median(np.abs(calibration - centre))
    if spread == 0:
        spread = calibration.std() or 1.0
    return (scores - centre) / spread


def p_values(
    scores: Float[np.ndarray, " n"], calibration: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """Conformal p-values, (1 + number of calibration scores at least as large) / (1 + m)."""
    ordered = np.sort(calibration)
    larger = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return (1 + larger) / (1 + len(ordered))


def fuse(scores: Scores, calibration: Scores, fusion: Fusion) -> Float[np.ndarray, " n"]:
    """Return one score a sample.

    Args:
        scores: Scores by layer.
        calibration: Scores of held-out normal samples by layer.
        fusion: `mean` or `max` of standardised scores, or `cauchy`, the mean of tan((1/2 - p) pi) over the layers'
            conformal p-values (Liu and Xie 2020, arXiv:1808.09011, eq. 2), which needs no independence.
    """
    if fusion == "cauchy":
        values = [
            np.tan((0.5 - p_values(scores[layer], calibration[layer])) * np.pi) for layer in scores
        ]
        return np.mean(values, axis=0)
    standard = [standardise(scores[layer], calibration[layer]) for layer in scores]
    return np.mean(standard, axis=0) if fusion == "mean" else np.max(standard, axis=0)
