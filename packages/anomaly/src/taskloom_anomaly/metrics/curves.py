"""The receiver operating characteristic, with tied scores taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


class Roc(NamedTuple):
    """An ROC curve from (0, 0) to (1, 1).

    Attributes:
        fpr: Share of normal samples with a score of at least the threshold, rising, shape (k,).
        tpr: Share of anomalous samples with such a score, shape (k,).
        thresholds: The thresholds, falling; the first is infinity, shape (k,).
    """

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray


def checked(normal: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 vectors.

    Raises:
        ValueError: If either is empty, has more than one axis, or holds NaN.
    """
    both = []
    for name, scores in (("normal", normal), ("anomalous", anomalous)):
        vector = np.asarray(scores, dtype=np.float64)
        if vector.ndim != 1 or not len(vector):
            raise ValueError(
                f"The {name} scores have the shape {vector.shape}; a metric needs at least one score in one axis."
            )
        if np.isnan(vector).any():
            raise ValueError(f"{int(np.isnan(vector).sum())} of the {name} scores are NaN.")
        both.append(vector)
    return both[0], both[1]


def require_share(name: str, value: float) -> None:
    """Refuse a rate or a level that is none.

    Raises:
        ValueError: If the value is not in [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1; it is {value:g}.")


def roc(normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"]) -> Roc:
    """Return the ROC curve; samples with the same score enter together, which makes a sloped segment."""
    normal, anomalous = checked(normal, anomalous)
    # Falling, so that both rates rise along the curve.
    thresholds = np.unique(np.concatenate([normal, anomalous]))[::-1]
    fpr = _share_at_least(normal, thresholds)
    tpr = _share_at_least(anomalous, thresholds)
    return Roc(
        np.concatenate([[0.0], fpr]),
        np.concatenate([[0.0], tpr]),
        np.concatenate([[np.inf], thresholds]),
    )


def _share_at_least(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return (len(scores) - below) / len(scores)
