"""From scores by set and layer to numbers by layer, and to the flat metrics of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.metrics import intervals, ranking

if TYPE_CHECKING:
    from jaxtyping import Float

SetScores: TypeAlias = "Mapping[str, Mapping[str, Float[np.ndarray, ' n']]]"
Table: TypeAlias = dict[str, dict[str, float]]


def judge(normal: Float[np.ndarray, " n"], other: Float[np.ndarray, " m"]) -> dict[str, float]:
    """Return every number that says how well `other` is ranked above `normal`."""
    low, high = intervals.auroc_interval(normal, other)
    found = {
        "auroc": ranking.auroc(normal, other),
        "auroc_low": low,
        "auroc_high": high,
        "average_precision": ranking.average_precision(normal, other),
        "fpr_at_95_tpr": ranking.fpr_at_tpr(normal, other, 0.95),
        "tpr_at_0.1_fpr": ranking.tpr_at_fpr(normal, other, 0.001),
        "tpr_at_1_fpr": ranking.tpr_at_fpr(normal, other, 0.01),
        "tpr_at_5_fpr": ranking.tpr_at_fpr(normal, other, 0.05),
        "partial_auroc": ranking.partial_auroc(normal, other, 0.1),
    }
    # An operating point that the sample cannot resolve is no number.
    return {name: value for name, value in found.items() if not np.isnan(value)}


# Operating points by the false-positive rate that they stand for.
_RATES = {"tpr_at_0.1_fpr": 0.001, "tpr_at_1_fpr": 0.01, "tpr_at_5_fpr": 0.05}


def document(evaluation: Mapping[str, Mapping[str, Table]], num_normal: int) -> dict[str, Any]:
    """Return what `eval.json` holds: all numbers, null for what the sample cannot resolve, and why."""
    missing = {
        name: f"needs {round(1 / rate):,} normal samples, has {num_normal:,}"
        for name, rate in _RATES.items()
        if np.floor(rate * num_normal + 1e-9) < 1
    }
    unknown = dict.fromkeys(missing)
    sets = {
        kind: {
            name: {layer: {**numbers, **unknown} for layer, numbers in table.items()}
            for name, table in tables.items()
        }
        for kind, tables in evaluation.items()
    }
    return {"schema": 1, **sets, **({"unresolved": missing} if missing else {})}


def _of(scores: SetScores, prefix: str) -> dict[str, Mapping[str, Float[np.ndarray, " n"]]]:
    start = f"{prefix}/"
    return {name.removeprefix(start): s for name, s in scores.items() if name.startswith(start)}


def evaluate(scores: SetScores) -> dict[str, dict[str, Table]]:
    """Judge every anomalous and control set against the normal test samples.

    Args:
        scores: Scores by set (`normal`, `anomalous/<name>`, `control/<name>`) and layer.

    Returns:
        `{"anomalous" | "control": {set name: {layer: numbers}}}`; the anomalous set `all` joins the others when there
        are several.
    """
    normal = scores["normal"]
    found: dict[str, dict[str, Table]] = {"anomalous": {}, "control": {}}
    for kind, sets in found.items():
        named = _of(scores, kind)
        for name, by_layer in named.items():
            sets[name] = {layer: judge(normal[layer], by_layer[layer]) for layer in normal}
    several = list(_of(scores, "anomalous").values())
    if len(several) > 1:
        found["anomalous"]["all"] = {
            layer: judge(normal[layer], np.concatenate([s[layer] for s in several]))
            for layer in normal
        }
    return found


def headline(evaluation: Mapping[str, Mapping[str, Table]]) -> Table:
    """Return the numbers by layer over all anomalies."""
    sets = evaluation["anomalous"]
    return sets["all"] if "all" in sets else next(iter(sets.values()))


def flat_metrics(evaluation: Mapping[str, Mapping[str, Table]]) -> dict[str, float]:
    """Return the final metrics of a run: `auroc/<layer>` and so on, and how specific the detector is.

    `mechanistic_specificity` is the fused AUROC of the anomalies minus the mean fused AUROC of the control sets, in which
    less than 0.5 counts as 0.5: a detector of mechanisms ranks anomalies high (1) and benign shifts not at all (0.5), so
    0.5 is perfect and 0 useless; calling benign shifts *more* normal than normal earns nothing.
    """
    layers = headline(evaluation)
    flat = {
        f"{metric}/{layer}": layers[layer][metric]
        for metric in ("auroc", "average_precision")
        for layer in layers
    }
    for metric, value in layers[FUSED].items():
        flat[f"{metric}/{FUSED}"] = value
    sets = evaluation["anomalous"]
    if len(sets) > 1:
        for name, table in sets.items():
            if name != "all":
                flat[f"auroc_of/{name}"] = table[FUSED]["auroc"]
    control = {name: table[FUSED]["auroc"] for name, table in evaluation["control"].items()}
    if control:
        for name, value in control.items():
            flat[f"control_auroc/{name}"] = value
        mean = float(np.mean([max(value, 0.5) for value in control.values()]))
        flat["mechanistic_specificity"] = layers[FUSED]["auroc"] - mean
    return flat
