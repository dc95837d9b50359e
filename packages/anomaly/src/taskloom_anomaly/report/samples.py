"""Single inputs of a run, by their scores, for the viewer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from taskloom.report.samples import SampleTable

from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.fusion import FUSED

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_MOST_LAYERS = 8


def samples(run: Run) -> SampleTable:
    """Return set, fused score, its share of normal samples at or above it, and the scores by layer.

    Args:
        run: The run.
    """
    if "scores" not in run.artifacts:
        return SampleTable("input")
    kept = scores_of(io.BytesIO(run.read("scores")))
    # Held-out samples that only standardise the layers have no fused score.
    scores = {name: by_layer for name, by_layer in kept.items() if FUSED in by_layer}
    layers = [layer for layer in scores["normal"] if layer != FUSED][:_MOST_LAYERS]
    sizes = {name: len(by_layer[FUSED]) for name, by_layer in scores.items()}
    fused = np.concatenate([by_layer[FUSED] for by_layer in scores.values()])
    normal = np.sort(scores["normal"][FUSED])
    above = 1.0 - np.searchsorted(normal, fused, side="left") / len(normal)
    columns = {
        "set": [name for name, size in sizes.items() for _ in range(size)],
        "number": [place for size in sizes.values() for place in range(size)],
        "score": fused.tolist(),
        "share of normal at or above": above.tolist(),
        "flagged at 1 %": (above <= 0.01).tolist(),
    }
    for layer in layers:
        columns[layer] = np.concatenate([s[layer] for s in scores.values()]).tolist()
    return SampleTable("input", columns, group="set", order="-score")
