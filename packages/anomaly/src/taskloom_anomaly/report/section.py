"""The domain's section of a run's report: ROC, histograms, layers, mistakes, validity card."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from taskloom.arrays import load_npz
from taskloom.records.documents import read_object
from taskloom.records.files import kind_of
from taskloom.report import charts
from taskloom.report.model import Block, Chart, Facts, Fold, Heading, Html, Table, Text

from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.metrics import curves
from taskloom_anomaly.report.png import gallery
from taskloom_anomaly.report.watch import watch

if TYPE_CHECKING:
    from taskloom.runs.run import Run

Json: TypeAlias = "Mapping[str, Any]"
Row: TypeAlias = "list[str | float | int | bool | None]"

_CARD = "artifacts/card.json"
_RANKING = "Ranking anomalies above normal samples"
_EXTRA_QUANTILE = 99
# A control set above this AUROC is said to alarm the detector.
_ALARM = 0.7


def report(run: Run) -> list[Block]:
    """Return the blocks of an anomaly run; what the run did not leave is left out."""
    open_: list[Block] = []
    folded: list[Block] = []
    artifacts = run.artifacts
    if "eval" in artifacts and "scores" in artifacts:
        scores = scores_of(io.BytesIO(run.read("scores")))
        evaluation = json.loads(run.read("eval"))
        order = list(scores["normal"])
        beside = scores_of(io.BytesIO(run.read("baseline"))) if "baseline" in artifacts else {}
        plain, rare = _roc(scores, beside)
        *by_layer, fused = _histograms(scores)
        open_ += [rare, fused, _layer_strip(evaluation, order)]
        folded += [Fold(_RANKING), _layer_table(evaluation, order), plain]
        folded += [Fold("Scores", "by layer"), *by_layer]
    if "worst" in artifacts:
        open_ += _worst(load_npz(io.BytesIO(run.read("worst"))))
    # A run that failed has no list of artifacts, and its card says why it did.
    if kind_of(run.dir, _CARD) == "file":
        card = read_object(run.dir, _CARD)
        if open_:
            folded += [_facts(card), Fold("Validity card"), *_card(card)]
        else:
            open_ += [Heading("Validity card"), *_card(card)]
    history = run.history()
    if any("log10_e" in row for row in history):
        open_ += watch(history, run.config)
    curve = [row for row in history if "loss" in row]
    if curve:
        folded += [
            Fold("Training the network"),
            charts.line(curve, "step", "loss", x_title="epoch", title="Training loss"),
        ]
    return [*open_, *folded]


def _facts(card: Json) -> Facts:
    """Return the sizes of the sets and the state of the network, for the top of the page."""
    sizes = ", ".join(_counts(card["samples"]))
    return Facts(
        [
            ("samples", sizes, False),
            ("network", f"{card['parameters']} parameters", card["parameters"] == "random"),
        ]
    )


def _counts(samples: Mapping[str, int]) -> Iterator[str]:
    """Yield the sizes of the sets in words, those of one kind together: `500 control (brightness, noise)`."""
    kinds: dict[tuple[str, int], list[str]] = {}
    for name, size in samples.items():
        kind, _, of = name.partition("/")
        if size:
            kinds.setdefault((kind, size), []).append(of)
    for (kind, size), names in kinds.items():
        told = ", ".join(filter(None, names))
        each = " each" if len(names) > 1 else ""
        yield f"{size:,} {kind}{each}{f' ({told})' if told else ''}"


def _joined(scores: dict[str, dict[str, np.ndarray]], kind: str, layer: str) -> np.ndarray:

    return np.concatenate([s[layer] for n, s in scores.items() if n.split("/")[0] == kind])


def _roc(
    scores: dict[str, dict[str, np.ndarray]], beside: dict[str, dict[str, np.ndarray]]
) -> tuple[Block, Block]:
    """Return the ROC curves of each layer and of the best baseline, plain and over the logarithm of the false alarms."""
    joined = {layer: _joined(scores, "anomalous", layer) for layer in scores["normal"]}
    pairs = {layer: (own, joined[layer]) for layer, own in scores["normal"].items()}
    for name, own in beside.get("normal", {}).items():
        pairs[f"no network: {name}"] = (own, beside["anomalous"][name])
    rows = []
    for layer, (normal, anomalous) in pairs.items():
        curve = curves.roc(normal, anomalous)
        rows += [
            {"fpr": float(x), "tpr": float(y), "layer": layer}
            for x, y in zip(curve.fpr, curve.tpr, strict=True)
        ]
    least = 0.5 / len(scores["normal"][next(iter(scores["normal"]))])
    names: dict[str, Any] = {"x_title": "false positive rate", "y_title": "true positive rate"}
    return (
        charts.line(rows, "fpr", "tpr", color="layer", title="ROC", **names),
        charts.line(
            [{**row, "fpr": max(row["fpr"], least)} for row in _without_false_starts(rows)],
            "fpr",
            "tpr",
            color="layer",
            title="ROC, where false alarms are rare",
            x_log=True,
            caption="False alarms over their logarithm; what is found without any is"
            " drawn at half a false alarm.",
            **names,
        ),
    )


def _without_false_starts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the points without a false alarm, which a logarithmic axis cannot tell apart, only each curve's highest."""
    highest: dict[str, float] = {}
    for row in rows:
        if row["fpr"] == 0:
            highest[row["layer"]] = max(highest.get(row["layer"], 0.0), row["tpr"])
    return [row for row in rows if row["fpr"] > 0 or row["tpr"] == highest[row["layer"]]]


def _cells(evaluation: Json, order: list[str]) -> list[tuple[str, str, dict[str, float]]]:
    """Set, layer and numbers: anomalies first, layers as they follow in the network, all of them together last."""
    return [
        (f"{kind}: {name}", layer, table[layer])
        for kind in ("anomalous", "control")
        for name, table in evaluation[kind].items()
        for layer in order
        if layer in table
    ]


def _layer_table(evaluation: Json, order: list[str]) -> Table:
    lacks = "tpr_at_1_fpr" in evaluation.get("unresolved", {})
    rows: list[Row] = [
        [
            name,
            layer,
            t["auroc"],
            f"{t['auroc_low']:.3f} to {t['auroc_high']:.3f}",
            t["average_precision"],
            t["fpr_at_95_tpr"],
            *([] if lacks else [t["tpr_at_1_fpr"]]),
        ]
        for name, layer, t in _cells(evaluation, order)
    ]
    columns = ["set", "layer", "AUROC", "95% interval", "AP", "FPR at 95% TPR"]
    columns += [] if lacks else ["TPR at 1% FPR"]
    return Table(columns, rows, "Every set against the normal test samples.")


# Chance is white: what is called more normal than normal must not look like what is found.
_AROUND_CHANCE = {"scheme": "blueorange", "domain": [0, 1], "domainMid": 0.5}


def _layer_strip(evaluation: Json, order: list[str]) -> Block:
    cells = _cells(evaluation, order)
    place: dict[str, Any] = {
        "x": {"field": "layer", "type": "nominal", "sort": None, "title": "layer"},
        "y": {"field": "set", "type": "nominal", "sort": None, "title": "set"},
    }
    number = {"field": "AUROC", "type": "quantitative"}
    ink = {"condition": {"test": "abs(datum.AUROC - 0.5) > 0.38", "value": "#fff"}, "value": "#111"}
    spec: dict[str, Any] = {
        "title": "AUROC by layer",
        "width": max(45 * len({layer for _, layer, _ in cells}), 240),
        "height": {"step": 28},
        "data": {"values": [{"layer": b, "set": a, "AUROC": t["auroc"]} for a, b, t in cells]},
        "layer": [
            {
                "mark": "rect",
                "encoding": {**place, "color": {**number, "scale": _AROUND_CHANCE}},
            },
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {**place, "text": {**number, "format": ".3f"}, "color": ink},
            },
        ],
    }
    return Chart(spec, "On control sets a detector of mechanisms stays at 0.5 or below.")


def _histograms(scores: dict[str, dict[str, np.ndarray]]) -> list[Block]:

    blocks: list[Block] = []
    for layer in scores["normal"]:
        groups = {
            kind: _joined(scores, kind, layer)
            for kind in ("normal", "anomalous", "control")
            if any(name.split("/")[0] == kind for name in scores)
        }
        # Several control sets together would hide the others behind them.
        if "control" in groups:
            step = max(len(groups["control"]) // len(groups["normal"]), 1)
            groups["control"] = groups["control"][::step]
        # A few extreme scores would squeeze everything else into one bar.
        limit = float(np.percentile(np.concatenate(list(groups.values())), _EXTRA_QUANTILE))
        rows = [
            {"score": float(value), "samples": kind}
            for kind, values in groups.items()
            for value in values
            if value <= limit
        ]
        blocks.append(
            charts.histogram(
                rows,
                "score",
                color="samples",
                title=f"Scores of {layer}",
                caption=f"Up to the {_EXTRA_QUANTILE}th percentile; of the control sets as many samples as are normal.",
            )
        )
    return blocks


def _worst(stored: Mapping[str, np.ndarray]) -> list[Block]:

    blocks: list[Block] = []
    for kind, title in (
        ("false_positive", "Normal samples that scored highest"),
        ("false_negative", "Anomalies that scored lowest"),
    ):
        inputs, values = stored[f"{kind}_inputs"], stored[f"{kind}_scores"]
        blocks.append(Heading(title))
        rows: list[Row]
        if f"{kind}_text" in stored:
            rows = [[str(t), float(v)] for t, v in zip(stored[f"{kind}_text"], values, strict=True)]
            blocks.append(Table(["sample", "score"], rows))
        elif inputs.ndim == 4:
            blocks.append(Html(gallery(inputs, [f"{v:.2f}" for v in values]), "Fused scores."))
        else:
            rows = [
                [" ".join(f"{x:.3g}" for x in row.reshape(-1)[:12]), float(v)]
                for row, v in zip(inputs, values, strict=True)
            ]
            blocks.append(Table(["sample (first values)", "score"], rows))
    return blocks


def _card(card: Json) -> list[Block]:
    rows: list[Row] = [
        [
            check["name"].replace("_", " "),
            check["value"],
            " and ".join(
                f"{sign} {check[side]:g}"
                for sign, side in ((">=", "floor"), ("<=", "ceiling"))
                if check[side] is not None
            ),
            "yes" if check["ok"] else "NO",
        ]
        for check in card["checks"]
    ]
    blocks: list[Block] = [*map(Text, _verdicts(card))]
    if rows:
        caption = "What makes this task mean something."
        blocks.append(Table(["check", "value", "needed", "met"], rows, caption))
    if card["auroc"] is not None:
        blocks.append(_compared(card))
    sizes: list[Row] = [[name, size] for name, size in card["samples"].items()]
    blocks.append(Table(["set", "samples"], sizes, "Sizes."))
    return blocks


def _verdicts(card: Json) -> list[str]:
    """Return the meaning of the numbers of a card, a sentence each."""
    said = []
    if not card["valid"]:
        said.append("This task is INVALID: a check failed, and nothing was scored.")
    if card["parameters"] == "random":
        said.append(
            "The network has RANDOM parameters: no score says anything about a trained network."
        )
    baseline = card["baseline_auroc"].get("input")
    if card["auroc"] is not None and baseline is not None and baseline >= card["auroc"]:
        said.append(
            f"The baseline that sees only the input reaches {baseline:.3f} and the detector {card['auroc']:.3f}: these"
            " anomalies are found without looking into the network, so the detector's AUROC shows nothing of its mechanism."
        )
    alarmed = [name for name, value in card["control_auroc"].items() if value > _ALARM]
    if alarmed:
        said.append(
            f"The detector also ranks benign shifts high ({', '.join(alarmed)}): part of what it sees is novelty, not"
            " mechanism."
        )
    return said


def _compared(card: Json) -> Table:
    rows: list[Row] = [["this detector", card["auroc"]]]
    rows += [
        [f"baseline that sees only the {name.replace('_', ' ')}", value]
        for name, value in card["baseline_auroc"].items()
    ]
    rows += [[f"control: {name}", value] for name, value in card["control_auroc"].items()]
    if card["mechanistic_specificity"] is not None:
        rows.append(["mechanistic specificity", card["mechanistic_specificity"]])
    return Table(["", "AUROC"], rows, "Whether the detector sees the mechanism, or only the input.")
