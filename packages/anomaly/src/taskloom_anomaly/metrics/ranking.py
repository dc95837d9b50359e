"""Numbers read off the ranking of the scores alone: any increasing transformation leaves them unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.metrics.curves import checked, require_share, roc

if TYPE_CHECKING:
    from jaxtyping import Float


def average_ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the rank of every value, from 1; equal values share the mean of their ranks.

    scipy.stats has this too, and takes a third of a second to import.
    """
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Float[np.ndarray, " n"] = (last - (counts - 1) / 2)[group]
    return middle


def auroc(normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"]) -> float:
    """Return P(anomalous > normal) + P(equal) / 2: the rank formula of Mann and Whitney."""
    normal, anomalous = checked(normal, anomalous)
    count = len(anomalous)
    ranks = average_ranks(np.concatenate([anomalous, normal]))[:count]
    return float((ranks.sum() - count * (count + 1) / 2) / (count * len(normal)))


def average_precision(normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"]) -> float:
    """Return sum over thresholds of (recall step) x precision, the anomalous being the positives; it depends on their share."""
    curve = roc(normal, anomalous)
    hits, alarms = curve.tpr[1:] * len(anomalous), curve.fpr[1:] * len(normal)
    return float(np.sum(np.diff(curve.tpr) * hits / (hits + alarms)))


def fpr_at_tpr(
    normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"], tpr: float = 0.95
) -> float:
    """Return the smallest false-positive rate of a threshold that finds at least the share `tpr` of the anomalies.

    Raises:
        ValueError: If `tpr` is not in [0, 1].
    """
    require_share("tpr", tpr)
    curve = roc(normal, anomalous)
    # The slack keeps a threshold whose rate is 0.95 but for its last digit.
    return float(curve.fpr[np.argmax(curve.tpr >= tpr - 1e-12)])


def tpr_at_fpr(
    normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"], fpr: float
) -> float:
    """Return the share of anomalies strictly above the (floor(fpr m) + 1)-th largest normal score.

    At most floor(fpr m) normal samples then lie above the threshold. With fewer than 1 / fpr of them the rate cannot be told
    from none, and the value is NaN.

    Raises:
        ValueError: If `fpr` is not in [0, 1].
    """
    require_share("fpr", fpr)
    normal, anomalous = checked(normal, anomalous)
    allowed = int(np.floor(fpr * len(normal) + 1e-9))
    if allowed == 0 and fpr > 0:
        return float("nan")
    if allowed >= len(normal):
        return 1.0
    threshold = np.partition(normal, len(normal) - 1 - allowed)[len(normal) - 1 - allowed]
    return float(np.mean(anomalous > threshold))


def partial_auroc(
    normal: Float[np.ndarray, " m"], anomalous: Float[np.ndarray, " n"], max_fpr: float = 0.1
) -> float:
    """Return the area below the ROC curve up to `max_fpr`, scaled so that chance is 0.5 and perfection 1.

    McClish, Medical Decision Making 9 (1989): (1 + (A - A_min) / (A_max - A_min)) / 2 with A_min = f^2 / 2 and A_max = f.

    Raises:
        ValueError: If `max_fpr` is not in (0, 1].
    """
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr must lie in (0, 1]; it is {max_fpr:g}.")
    curve = roc(normal, anomalous)
    inside = curve.fpr < max_fpr
    fpr = np.append(curve.fpr[inside], max_fpr)
    # A vertical step at max_fpr itself adds no area, so its lower end is right.
    after = int(np.count_nonzero(inside))
    left, right = curve.fpr[after - 1], curve.fpr[after]
    edge = curve.tpr[after - 1] + (max_fpr - left) / (right - left) * (
        curve.tpr[after] - curve.tpr[after - 1]
    )
    area = float(np.trapezoid(np.append(curve.tpr[inside], edge), fpr))
    least = max_fpr**2 / 2
    return 0.5 * (1 + (area - least) / (max_fpr - least))
