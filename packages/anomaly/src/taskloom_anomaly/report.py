"""The domain's section of a run's report: ROC, histograms, layers, mistakes, validity card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block, Heading, Html, Table, Text

if TYPE_CHECKING:
    import numpy as np
    from taskloom.runs import Run

FUSED = "fused"
_EXTRA_QUANTILE = 99


def report(run: Run) -> list[Block]:
    """Return the blocks of an anomaly run; what the run did not leave is left out."""
    blocks: list[Block] = []
    artifacts = run.artifacts
    if "eval" in artifacts and "scores" in artifacts:
        from taskloom_anomaly.run import scores_of

        scores = scores_of(artifacts["scores"])
        evaluation = _read(artifacts["eval"])
        blocks += [Heading("Ranking anomalies above normal samples"), *_roc(scores)]
        blocks += [_layer_table(evaluation), _layer_strip(evaluation)]
        blocks += [Heading("Scores"), *_histograms(scores)]
    if "worst" in artifacts:
        blocks += _worst(artifacts["worst"])
    if "card" in artifacts:
        blocks += _card(_read(artifacts["card"]))
    curve = [row for row in run.history() if "loss" in row]
    if curve:
        blocks += [
            Heading("Training the network"),
            charts.line(curve, "step", "loss", x_title="epoch", title="Training loss"),
        ]
    return blocks


def _read(path: Path) -> Any:  # noqa: ANN401 -- JSON that this domain wrote
    return json.loads(path.read_text(encoding="utf-8"))


def _joined(scores: dict[str, dict[str, np.ndarray]], kind: str, layer: str) -> np.ndarray:
    import numpy as np

    return np.concatenate([s[layer] for n, s in scores.items() if n.split("/")[0] == kind])


def _roc(scores: dict[str, dict[str, np.ndarray]]) -> list[Block]:
    from taskloom_anomaly import metrics

    rows = []
    for layer in scores["normal"]:
        curve = metrics.roc(scores["normal"][layer], _joined(scores, "anomalous", layer))
        rows += [
            {"fpr": float(x), "tpr": float(y), "layer": layer}
            for x, y in zip(curve.fpr, curve.tpr, strict=True)
        ]
    least = 0.5 / len(scores["normal"][next(iter(scores["normal"]))])
    names: dict[str, Any] = {"x_title": "false positive rate", "y_title": "true positive rate"}
    return [
        charts.line(rows, "fpr", "tpr", color="layer", title="ROC", **names),
        charts.line(
            [{**row, "fpr": max(row["fpr"], least)} for row in _without_false_starts(rows)],
            "fpr",
            "tpr",
            color="layer",
            title="ROC, where false alarms are rare",
            x_log=True,
            caption="The same curves over the logarithm of the false positive rate; what is found without any false alarm is"
            " drawn at half a false alarm.",
            **names,
        ),
    ]


def _without_false_starts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the points without a false alarm, which a logarithmic axis cannot tell apart, only each curve's highest."""
    highest: dict[str, float] = {}
    for row in rows:
        if row["fpr"] == 0:
            highest[row["layer"]] = max(highest.get(row["layer"], 0.0), row["tpr"])
    return [row for row in rows if row["fpr"] > 0 or row["tpr"] == highest[row["layer"]]]


def _layer_table(evaluation: Any) -> Table:  # noqa: ANN401
    rows: list[list[str | float | int | bool | None]] = []
    for kind in ("anomalous", "control"):
        for name, table in evaluation[kind].items():
            for layer, t in table.items():
                interval = f"{t['auroc_low']:.3f} to {t['auroc_high']:.3f}"
                rows.append(
                    [
                        f"{kind}: {name}",
                        layer,
                        t["auroc"],
                        interval,
                        t["average_precision"],
                        t["fpr_at_95_tpr"],
                        t["tpr_at_1_fpr"],
                    ]
                )
    columns = ["set", "layer", "AUROC", "95% interval", "AP", "FPR at 95% TPR", "TPR at 1% FPR"]
    return Table(columns, rows, "Every set against the normal test samples.")


def _layer_strip(evaluation: Any) -> Block:  # noqa: ANN401
    rows = [
        {"layer": layer, "set": f"{kind}: {name}", "AUROC": t["auroc"]}
        for kind in ("anomalous", "control")
        for name, table in evaluation[kind].items()
        for layer, t in table.items()
    ]
    return charts.heatmap(
        rows,
        "layer",
        "set",
        "AUROC",
        title="AUROC by layer",
        caption="On control sets a detector of mechanisms stays at 0.5 or below.",
    )


def _histograms(scores: dict[str, dict[str, np.ndarray]]) -> list[Block]:
    import numpy as np

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


def _worst(path: Path) -> list[Block]:
    import numpy as np

    from taskloom_anomaly.pictures import gallery

    blocks: list[Block] = []
    with np.load(path, allow_pickle=False) as stored:
        for kind, title in (
            ("false_positive", "Normal samples that scored highest"),
            ("false_negative", "Anomalies that scored lowest"),
        ):
            inputs, values = stored[f"{kind}_inputs"], stored[f"{kind}_scores"]
            blocks.append(Heading(title))
            rows: list[list[str | float | int | bool | None]]
            if f"{kind}_text" in stored.files:
                rows = [
                    [str(t), float(v)] for t, v in zip(stored[f"{kind}_text"], values, strict=True)
                ]
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


def _card(card: Any) -> list[Block]:  # noqa: ANN401
    rows: list[list[str | float | int | bool | None]] = [
        [
            check["name"].replace("_", " "),
            check["value"],
            "" if check["floor"] is None else f">= {check['floor']:g}",
            "yes" if check["ok"] else "NO",
        ]
        for check in card["checks"]
    ]
    blocks: list[Block] = [Heading("Validity card")]
    if card["parameters"] == "random":
        blocks.append(
            Text(
                "The network has RANDOM parameters: no score says anything about a trained network."
            )
        )
    blocks.append(
        Table(["check", "value", "needed", "met"], rows, "What makes this task mean something.")
    )
    compared: list[list[str | float | int | bool | None]] = [["this detector", card["auroc"]]]
    compared += [
        [f"baseline that sees only the {name.replace('_', ' ')}", value]
        for name, value in card["baseline_auroc"].items()
    ]
    compared += [[f"control: {name}", value] for name, value in card["control_auroc"].items()]
    compared.append(["mechanistic specificity", card["mechanistic_specificity"]])
    blocks.append(
        Table(
            ["", "AUROC"], compared, "Whether the detector sees the mechanism, or only the input."
        )
    )
    sizes: list[list[str | float | int | bool | None]] = [
        [k, v] for k, v in card["samples"].items()
    ]
    blocks.append(Table(["set", "samples"], sizes, "Sizes."))
    return blocks
