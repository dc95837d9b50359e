"""From one score a layer to one score a sample.

Raw scores of different layers are on different scales: their mean would follow the widest layer. Every layer is first
put on a common scale by its scores on held-out normal samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_anomaly.detectors.base import Detector

FUSED = "fused"
"""Name of the score, or the p-value, of all layers together."""

Fusion: TypeAlias = Literal["mean", "max", "sum", "cauchy", "harmonic", "min_p"]
FusionChoice: TypeAlias = Literal["auto", "mean", "max", "sum", "cauchy", "harmonic", "min_p"]
"""A fusion, or `auto`: the one that suits the detector."""
Scores: TypeAlias = "Mapping[str, Float[np.ndarray, ' n']]"


def fusion_of(choice: FusionChoice, detector: Detector) -> Fusion:
    """Return the fusion that a choice means for a detector: `auto` adds scores that add up, and takes the mean of others."""
    if choice != "auto":
        return choice
    return "sum" if detector.adds_up else "mean"


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


def cauchy_statistic(p: Float[np.ndarray, "layers n"]) -> Float[np.ndarray, " n"]:
    """Return the mean over layers of tan((1/2 - min(p, 1/2)) pi).

    A p-value of one is a tangent of minus infinity: one layer that finds a sample ordinary would outvote all others. Cut at
    one half, such a layer says nothing.
    """
    return np.asarray(np.mean(np.tan((0.5 - np.minimum(p, 0.5)) * np.pi), axis=0))


def combine(
    p: Float[np.ndarray, "layers n"], fusion: Literal["cauchy", "harmonic", "min_p"]
) -> Float[np.ndarray, " n"]:
    """Return one p-value a sample, valid however the layers depend on one another (`cauchy`: for small values).

    Args:
        p: A p-value for each layer and sample, in (0, 1].
        fusion: `cauchy`, 1/2 - arctan(T) / pi with T the mean of tan((1/2 - min(p, 1/2)) pi) (Liu and Xie 2020,
            arXiv:1808.09011, eq. 2 and 3, cut at 1/2); `harmonic`, the harmonic mean times e log L, which is valid for L >= 3 layers, or twice the mean for
            L = 2 (Vovk and Wang, Biometrika 107, 2020); `min_p`, L times the smallest (Bonferroni).
    """
    layers = len(p)
    if fusion == "cauchy":
        return 0.5 - np.arctan(cauchy_statistic(p)) / np.pi
    if fusion == "harmonic":
        # With two layers the worst case is p_2 = c - p_1, where the harmonic mean is c / 2.
        bound = {1: 1.0, 2: 2.0}.get(layers, np.e * np.log(layers))
        return np.minimum(bound / np.mean(1.0 / p, axis=0), 1.0)
    return np.minimum(layers * p.min(axis=0), 1.0)


def fuse(scores: Scores, calibration: Scores, fusion: Fusion) -> Float[np.ndarray, " n"]:
    """Return one score a sample.

    Args:
        scores: Scores by layer.
        calibration: Scores of held-out normal samples by layer.
        fusion: `mean` or `max` of standardised scores; `sum` of the scores as they are: squared distances add up as logarithms of the densities
            of independent Gaussians do, so that a layer counts by its directions, and ten logits do not outvote 256 units; or a combination of the layers' conformal p-values, turned
            around so that a small p-value is a high score: `cauchy` (the statistic T itself), `harmonic` (the mean of
            1 / p) or `min_p` (1 / the smallest). The factors and cuts of `combine` do not change the order, so they are
            left out.
    """
    if fusion in ("mean", "max"):
        standard = [standardise(scores[layer], calibration[layer]) for layer in scores]
        return np.mean(standard, axis=0) if fusion == "mean" else np.max(standard, axis=0)
    if fusion == "sum":
        return np.asarray(np.sum([np.asarray(own, np.float64) for own in scores.values()], axis=0))
    p = np.stack([p_values(scores[layer], calibration[layer]) for layer in scores])
    if fusion == "cauchy":
        return cauchy_statistic(p)
    return np.asarray(np.mean(1.0 / p, axis=0) if fusion == "harmonic" else np.max(1.0 / p, axis=0))
