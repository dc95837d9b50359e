"""The summary of answers: what was flagged and what would be if all inputs were normal, and, with labels, how well that went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from taskloom.statistics.shares import share_interval

from taskloom_anomaly.detection.answers import Judge
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detection.scoring import AnswerTally
from taskloom_anomaly.metrics.intervals import auroc_interval
from taskloom_anomaly.metrics.ranking import auroc
from taskloom_anomaly.statistics.conformal import count_band, fewest_to_discover, uniformity

# Below it inputs and calibration samples are told not to be alike.
_UNLIKE = 1e-3


@dataclass(frozen=True)
class Discovery:
    """The bound on false discoveries over all inputs together.

    Attributes:
        rate: Expected share of normal inputs among those that are flagged.
        method: `bh` or `ebh`.
    """

    rate: float
    method: str = "bh"


def summary_of(
    tally: AnswerTally, judge: Judge, detector: str, discovery: Discovery | None = None
) -> dict[str, Any]:
    """Return the summary, as the last line of the answers has it."""
    m = judge.m
    found: dict[str, Any] = {
        "n": tally.rows,
        "flagged": tally.flagged,
        "expected_if_normal": tally.rows * judge.threshold,
        "m": m,
        "threshold": judge.threshold,
        "fpr": judge.rule.fpr,
        "likely_fpr": judge.likely,
        "detector": detector,
        "errors": tally.num_errors,
        "uniform_p": uniformity(list(tally.p.items()), m),
    }
    if judge.rule.certain is not None:
        found["certain"] = judge.rule.certain
    if discovery is not None:
        found |= {"fdr": discovery.rate, "fdr_method": discovery.method}
        found["fewest_discoverable"] = fewest_to_discover(discovery.rate, tally.rows, m)
        del found["expected_if_normal"]
    if tally.truth:
        found["labels"] = _labelled(tally, judge)
    return {"summary": found}


def _labelled(tally: AnswerTally, judge: Judge) -> dict[str, Any]:
    odd, flagged, _ = (np.asarray(column) for column in zip(*tally.truth, strict=True))
    found: dict[str, Any] = {"odd": int(odd.sum()), "normal": int((~odd).sum())}
    for name, rows in (("realised_fpr", ~odd), ("power", odd)):
        if rows.any():
            own = share_interval(int(flagged[rows].sum()), int(rows.sum()), "clopper-pearson")
            found[name] = {"value": own.estimate, "low": own.low, "high": own.high}
    if not odd.all() and len(judge.groups) == 1:
        m = judge.m
        low, high = count_band(int((~odd).sum()), judge.rule.ranks(m), m)
        found["false_alarms"] = {"number": int(flagged[~odd].sum()), "low": low, "high": high}
    if odd.any() and not odd.all():
        for name, parts in tally.scores.items():
            scores = np.concatenate(parts)
            low_, high_ = auroc_interval(scores[~odd], scores[odd])
            area = auroc(scores[~odd], scores[odd])
            found.setdefault("auroc", {})[name] = {"value": area, "low": low_, "high": high_}
    return found


def sentences(summary: dict[str, Any]) -> list[str]:
    """Return the summary in words, the most important first."""
    found = summary["summary"]
    rate = f"{100 * found['fpr']:g} %"
    n, flagged, m = found["n"], found["flagged"], found["m"]
    said = []
    if "fdr" in found:
        said.append(
            f"{flagged:,} of {n:,} inputs are flagged; of those at most {100 * found['fdr']:g} % are expected to be normal"
            f" ({found['fdr_method']}, {m:,} calibration samples)."
        )
        if found["fewest_discoverable"] > 1:
            said.append(
                f"With {m:,} calibration samples no p-value is below {1 / (m + 1):.2g}, so that fewer than"
                f" {found['fewest_discoverable']:,} odd inputs among {n:,} cannot be found."
            )
    else:
        said.append(
            f"{flagged:,} of {n:,} inputs are flagged at a false-positive rate of {rate}; if all were normal, about"
            f" {found['expected_if_normal']:.3g} would be."
        )
        if "certain" in found:
            sure = f"{100 * found['certain']:g} %"
            said.append(
                f"With these {m:,} calibration samples the rate of false alarms is at most {rate}, with a confidence of {sure}."
            )
        else:
            said.append(
                f"The rate holds over calibration sets; that of one set of {m:,} samples lies below"
                f" {100 * found['likely_fpr']:.2g} % in 95 % of them."
            )
    if found["uniform_p"] < _UNLIKE and "labels" not in found:
        said.append(
            "The inputs are not like the calibration samples: their p-values are not spread evenly (Kolmogorov-Smirnov p ="
            f" {found['uniform_p']:.1g}). Many are odd, or they come from elsewhere, and then p-values mean nothing."
        )
    if found["errors"]:
        said.append(f"{found['errors']:,} rows could not be scored.")
    return [*said, *_labels_in_words(found.get("labels"))]


def _labels_in_words(labels: dict[str, Any] | None) -> list[str]:
    if labels is None:
        return []
    said = []
    if "power" in labels and "realised_fpr" in labels:
        said.append(
            f"By the labels {_share(labels['power'])} of {labels['odd']:,} odd inputs are flagged, and"
            f" {_share(labels['realised_fpr'])} of {labels['normal']:,} normal ones."
        )
    if "false_alarms" in labels:
        alarms = labels["false_alarms"]
        said.append(
            f"That is {alarms['number']:,} false alarms, where {alarms['low']:,} to {alarms['high']:,} are expected in 95 % of"
            " calibration sets."
        )
    if "auroc" in labels:
        area = labels["auroc"][FUSED]
        said.append(f"The AUROC is {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f}).")
    return said


def _share(found: dict[str, float]) -> str:
    return f"{100 * found['value']:.3g} % ({100 * found['low']:.3g} to {100 * found['high']:.3g} %)"
