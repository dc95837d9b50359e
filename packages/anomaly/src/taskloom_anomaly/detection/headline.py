"""The headline of a run: the fused AUROC, beside the best score that sees no activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from taskloom.headline import Baseline, Figure, Headline
from taskloom.outcome import headline_of
from taskloom.params.shapes import kind_of
from taskloom.statistics.intervals import Interval
from taskloom.units import UnitValues
from taskloom.wording import Words, format_bound, format_value

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.evaluation import SetScores
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.metrics import intervals, ranking

if TYPE_CHECKING:
    from taskloom_anomaly.detection.assembly import DetectionData

_INPUT = "input_"


def best_of(
    name: str, normal: np.ndarray, anomalous: np.ndarray, gained: Mapping[str, float]
) -> Baseline:
    """Return the record of a baseline.

    Args:
        name: Name of the score that sees no activation.
        normal: Its scores of the normal samples.
        anomalous: Its scores of the anomalous samples.
        gained: AUROC of the detector less its own on the same samples, with DeLong's interval.
    """
    low, high = intervals.auroc_interval(normal, anomalous)
    return Baseline(
        name=_words(name),
        command=f"in every run: the metric baseline_auroc/{name}",
        value=ranking.auroc(normal, anomalous),
        low=low,
        high=high,
        difference=gained["auroc"],
        difference_low=gained["low"],
        difference_high=gained["high"],
        paired=True,
        n=len(normal) + len(anomalous),
    )


def _words(name: str) -> str:
    if name.startswith(_INPUT):
        return f"the input alone ({name.removeprefix(_INPUT)})"
    return f"the {name.replace('_', ' ')} alone"


def headline_of_run(
    config: AnomalyConfig,
    fused: Mapping[str, float],
    data: DetectionData,
    baseline: Baseline | None,
    twin: float | None,
) -> Headline:
    """Return the headline of a run.

    Args:
        config: The run's config.
        fused: Numbers of the fused score.
        data: The data that were judged.
        baseline: The best score that sees no activation; None if none was asked for.
        twin: AUROC of the same detector on the same inputs, on a network without poison; None if there is none.
    """
    detector = kind_of(type(config.detector))
    n = len(data.normal) + sum(map(len, data.anomalous.values()))
    own = Interval(fused["auroc"], fused["auroc_low"], fused["auroc_high"], 0.95, n, "DeLong")
    shown = format_value(own.estimate, own.half_width)
    alone = f"The AUROC of {detector} is {shown}; no baseline was asked for."
    if data.random_parameters:
        alone = f"The parameters of the network are random: an AUROC of {shown} says nothing about a trained one."
    beside = "" if twin is None else f"On the same network trained without poison it is {twin:.2f}."
    return headline_of(
        metric="auroc/fused",
        title="Area under the ROC curve, layers fused",
        own=own,
        better="higher",
        baseline=baseline if baseline is not None else "baselines are off",
        words=Words(subject=f"The AUROC of {detector}", verb="is", units="samples"),
        unit="AUROC",
        alone=alone,
        also=beside,
        is_shown=not data.random_parameters,
        companions=_companions(fused, baseline, twin),
    )


def units_of(scores: SetScores) -> UnitValues:
    """Return the placements of the fused score: the AUROC is their mean over the normal samples and over the anomalous ones.

    With them the difference of two detectors on the same samples has DeLong's variance (Biometrics 44, 1988).

    Args:
        scores: Scores by set and layer.
    """
    normal = scores["normal"][FUSED]
    sets = [by_layer[FUSED] for name, by_layer in scores.items() if name.startswith("anomalous/")]
    above, below = intervals.placements(normal, np.concatenate(sets))
    side = np.repeat([0, 1], [len(below), len(above)])
    value = np.concatenate([below, above])
    solver = frozenset(AnomalyConfig.model_fields) - {"seed"}
    return UnitValues("sample", value, np.arange(len(value)), solver, side=side)


def _companions(
    fused: Mapping[str, float], baseline: Baseline | None, twin: float | None
) -> tuple[Figure, ...]:
    """Return the difference, the share found at 1 % false alarms, and the AUROC on the clean twin."""
    found = []
    if baseline is not None and baseline.difference is not None:
        low, high = baseline.difference_low or 0.0, baseline.difference_high or 0.0
        half = (high - low) / 2
        bounds = f"{format_bound(low, half)} to {format_bound(high, half)}"
        found.append(Figure("difference, paired", format_value(baseline.difference, half), bounds))
    if "tpr_at_1_fpr" in fused:
        found.append(Figure("found at 1 % false alarms", f"{100 * fused['tpr_at_1_fpr']:.3g} %"))
    if twin is not None:
        found.append(Figure("without poison", f"{twin:.3f}", "AUROC, the same inputs"))
    return tuple(found)
