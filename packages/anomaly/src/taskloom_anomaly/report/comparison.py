"""Runs of a detection task on shared axes: ROC curves of the fused score."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from taskloom.report import charts
from taskloom.report.model import Block

from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.metrics import curves

if TYPE_CHECKING:
    from taskloom.runs.run import Run


def compare(runs: Mapping[str, Run]) -> list[Block]:
    """Return the ROC curves of the fused scores over the logarithm of the false positive rate.

    Args:
        runs: The runs by name.
    """
    rows = []
    for name, run in runs.items():
        if "scores" not in run.artifacts:
            continue
        scores = scores_of(io.BytesIO(run.read("scores")))
        sets = [by_layer[FUSED] for of, by_layer in scores.items() if of.startswith("anomalous")]
        normal = scores["normal"][FUSED]
        curve = curves.roc(normal, np.concatenate(sets))
        # What is found without any false alarm is drawn at half a false alarm: a logarithm has no 0.
        least = 0.5 / len(normal)
        highest = max((float(y) for x, y in zip(curve.fpr, curve.tpr, strict=True) if x == 0), default=0.0)  # fmt: skip
        rows += [{"fpr": least, "tpr": highest, " ": name}]
        rows += [
            {"fpr": float(x), "tpr": float(y), " ": name}
            for x, y in zip(curve.fpr, curve.tpr, strict=True)
            if x > 0
        ]
    if not rows:
        return []
    return [
        charts.line(
            rows,
            "fpr",
            "tpr",
            color=" ",
            title="ROC of the fused score",
            x_title="false positive rate",
            y_title="true positive rate",
            x_log=True,
            caption="What is found without any false alarm is drawn at half a false alarm.",
        )
    ]
