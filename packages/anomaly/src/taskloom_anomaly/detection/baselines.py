"""Scores that no activation enters, of which the best is what a detector has to beat.

Trusted samples say which inputs are constant, which range each has, and where they lie. Counting departures from constants finds every
trigger in a corner of a digit: such a task says nothing about a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.data.arrays import concatenate
from taskloom_anomaly.detection import validity_card as card
from taskloom_anomaly.metrics import intervals
from taskloom_anomaly.metrics.ranking import auroc
from taskloom_anomaly.statistics.neighbours import nearest
from taskloom_anomaly.task import HasOwnBaselines

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_anomaly.detection.assembly import DetectionData

    Rows = Float[np.ndarray, "n d"]
    Sets = tuple[Rows, Rows]

_NEIGHBOURS = 5
BASELINE_SAMPLES = 3000
"""The baselines are judged on at most so many samples of every set."""


def baseline_scores(task: object, data: DetectionData) -> dict[str, Sequence[np.ndarray]]:
    """Return the scores of the normal and the anomalous test samples by every detector that sees no activation.

    Args:
        task: The task; it may have baselines of its own.
        data: Its samples and its network.
    """
    few = slice(BASELINE_SAMPLES)
    anomalous = [part.take(few).arrays() for part in data.anomalous.values()]
    sets = [data.normal.take(few).arrays(), concatenate(anomalous)]
    trusted = data.trusted.take(few).arrays()
    found: dict[str, Sequence[np.ndarray]] = {}
    if isinstance(task, HasOwnBaselines):
        found |= task.own_baselines(trusted, *sets)
    else:
        rows = [card.input_rows(task, part) for part in (trusted, *sets)]
        found |= {f"input_{n}": pair for n, pair in input_scores(rows[0], *rows[1:]).items()}
    if data.handle.num_outputs:
        answers = [card.predictions(data.handle, part) for part in (trusted, *sets)]
        found["predicted_class"] = card.label_baseline(
            answers[0], data.handle.num_outputs, *answers[1:]
        )
    return found


def baseline_areas(task: object, data: DetectionData) -> dict[str, float]:
    """Return the AUROC of every detector that sees no activation."""
    return {name: auroc(*pair) for name, pair in baseline_scores(task, data).items()}


def input_scores(trusted: Rows, *sets: Rows) -> dict[str, list[Float[np.ndarray, " n"]]]:
    """Return the scores of each input baseline, by set.

    Args:
        trusted: Trusted samples, one row of numbers each.
        *sets: Further samples.
    """
    low, high = trusted.min(axis=0), trusted.max(axis=0)
    constant, varies = low == high, low < high
    middle, spread = trusted[:, varies].mean(axis=0), trusted[:, varies].std(axis=0)
    found = {
        "constants": [(x[:, constant] != low[constant]).sum(axis=1).astype(float) for x in sets],
        "range": [(np.maximum(low - x, 0) + np.maximum(x - high, 0)).sum(axis=1) for x in sets],
        "distance": card.input_baseline(trusted, *sets),
    }
    if varies.any():
        near = [(x[:, varies] - middle) / spread for x in (trusted, *sets)]
        found["varying"] = card.input_baseline(near[0], *near[1:])
        k = min(_NEIGHBOURS, len(trusted))
        plain = [x - trusted.mean(axis=0) for x in (trusted, *sets)]
        found["neighbours"] = [nearest(x, plain[0], k)[0][:, -1] for x in plain[1:]]
    return found


def gain(
    own: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    """Return how much larger the AUROC of one score is than that of another on the same samples, with its 95% interval.

    Args:
        own: Scores of the normal and the anomalous samples.
        other: Scores of the same samples by something else.
    """
    difference, low, high = intervals.auroc_difference(
        np.stack([own[0], other[0]]), np.stack([own[1], other[1]])
    )
    return {"auroc": difference, "low": low, "high": high}


def best(areas: Mapping[str, float]) -> str:
    """Return the name of the baseline with the largest AUROC."""
    return max(areas, key=lambda name: areas[name])
