"""One exact p-value from the scores of several layers, however they depend on one another.

The input joins the m calibration samples. Within each layer all m + 1 are ranked: with [] one if true and else zero,

    p_il = (#{j: s_jl >= s_il} + [s_l >= s_il]) / (m + 1)      of calibration sample i
    p_l  = (1 + #{i: s_il >= s_l}) / (m + 1)                   of the input

A statistic T that treats all alike is taken of each of the m + 1 rows, and p = (1 + #{i: T_i >= T}) / (m + 1): exact for exchangeable samples,
whatever T is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

Statistic: TypeAlias = Literal["cauchy", "fisher"]

# Statistics that differ by no more than this share are ties, which count against the input.
_TIE = 1e-12
# Comparisons of inputs with calibration samples that are in memory at once.
_AT_ONCE = 1 << 21


def joint_p(
    scores: Float[np.ndarray, "n layers"],
    calibration: Float[np.ndarray, "m layers"],
    statistic: Statistic = "cauchy",
) -> Float[np.ndarray, " n"]:
    """Return the p-value of each sample; 1 / (m + 1) is the least.

    Args:
        scores: Scores of the samples by layer, higher for more anomalous.
        calibration: Scores of normal samples.
        statistic: `cauchy`, the mean of tan((1/2 - min(p, 1/2)) pi); `fisher`, the mean of - log p.

    >>> known = np.array([[0.1, 0.9], [0.4, 0.2], [0.6, 0.5], [0.8, 0.3]])
    >>> joint_p(np.array([[0.7, 0.95], [0.05, 0.1], [0.9, 0.25]]), known).tolist()
    [0.2, 1.0, 0.4]
    """
    m, layers = calibration.shape
    if layers == 1:
        # With one layer nothing is to be outvoted: the rank itself, without ties of all that lie in the lower half.
        statistic = "fisher"
    columns = [np.sort(column) for column in calibration.T]
    among = np.stack([_at_least(o, c) for o, c in zip(columns, calibration.T, strict=True)], axis=1)
    found = np.stack([_at_least(o, c) for o, c in zip(columns, scores.T, strict=True)], axis=1)
    own = _terms((1 + found) / (m + 1), statistic).mean(axis=1)
    # An input adds one to a rank or nothing, so that each calibration sample has two values a layer and no third.
    below = _terms(among / (m + 1), statistic)
    rise = _terms((among + 1) / (m + 1), statistic) - below
    base = below.mean(axis=1)
    rows = max(_AT_ONCE // max(m * layers, 1), 1)
    p = np.ones(len(scores))
    for start in range(0, len(scores), rows):
        part = slice(start, start + rows)
        joins = scores[part, None, :] >= calibration
        others = base + np.einsum("iml,ml->im", joins, rise) / layers
        bar = own[part] - _TIE * np.abs(own[part])
        p[part] = (1 + (others >= bar[:, None]).sum(axis=1)) / (m + 1)
    return p


def scaled_statistic(
    scores: Mapping[str, Float[np.ndarray, " n"]],
    scale: Mapping[str, Float[np.ndarray, " m"]],
    statistic: Statistic,
) -> Float[np.ndarray, " n"]:
    """Return the statistic of each sample's ranks among samples that it does not join: one function of the sample, given those.

    Args:
        scores: Scores of the samples by layer.
        scale: Scores of the samples that they are ranked among.
        statistic: As in `joint_p`.
    """
    terms = [
        _terms((1 + _at_least(np.sort(known), scores[name])) / (len(known) + 1), statistic)
        for name, known in scale.items()
    ]
    return np.asarray(np.mean(terms, axis=0))


def _at_least(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how many of the ordered numbers are at least as large as each value."""
    return np.asarray(len(ordered) - np.searchsorted(ordered, values, side="left"))


def _terms(p: np.ndarray, statistic: Statistic) -> np.ndarray:
    if statistic == "fisher":
        return np.asarray(-np.log(p))
    # Cut at one half: a layer that finds a sample ordinary says nothing, and does not outvote the others.
    return np.asarray(np.tan((0.5 - np.minimum(p, 0.5)) * np.pi))
