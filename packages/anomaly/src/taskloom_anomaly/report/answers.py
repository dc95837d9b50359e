"""The page of answers on new inputs: what was flagged, the inputs by their p-value, drawn, and the p-values against those of normal inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import htpy as h
import numpy as np
from taskloom.report import charts
from taskloom.report.model import Block, Fold, Html, Table, Text
from taskloom.report.page import page
from taskloom.report.parts import arranged
from taskloom.runs.writer import atomic_write

from taskloom_anomaly.detection.answers import Judge
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detection.scoring import AnswerTally, Lowest
from taskloom_anomaly.detection.summary import sentences
from taskloom_anomaly.report.png import gallery
from taskloom_anomaly.statistics.conformal import count_band

# Points of the quantile plot.
_POINTS = 120
_VALUES = 12


def write_page(
    path: Path, title: str, summary: dict[str, Any], tally: AnswerTally, judge: Judge
) -> None:
    """Write the page.

    Args:
        path: The file.
        title: What was scored.
        summary: The summary of the answers.
        tally: What is known of the answers.
        judge: The calibration set with its rule.
    """
    first, *rest = sentences(summary)
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 anomaly \u00b7 answers"],
        h.h1[title],
        h.p(".lede")[first],
        (h.p[sentence] for sentence in rest),
    ]
    blocks = [*_inputs(tally, summary), Fold("P-values"), *_p_values(tally, judge)]
    blocks += [Fold("Scores", "by layer"), *_scores(tally, judge)]
    if tally.errors:
        blocks += [Fold("Rows that could not be scored"), _errors(tally)]
    evidence, _, folds = arranged(blocks, path.parent)
    atomic_write(path, page(title, header, [("Inputs by their p-value", evidence)], folds=folds))


def _inputs(tally: AnswerTally, summary: dict[str, Any]) -> list[Block]:
    lowest = tally.lowest
    if not lowest:
        return [Text("No input could be scored.")]
    layers = [name for name in lowest[0].by_layer if name != FUSED]
    blocks: list[Block] = []
    pictures = _pictures(lowest)
    if pictures is not None:
        captions = [_caption(item) for item in lowest]
        blocks.append(Html(gallery(pictures, captions), "The inputs that are least like normal ones, in the order of the table."))  # fmt: skip
    rows: list[list[Any]] = []
    for item in lowest:
        layer = min((item.by_layer[name], at) for at, name in enumerate(layers))[1]
        row = [
            str(item.id),
            item.p,
            item.flag,
            layers[layer],
            *(item.scores[name] for name in layers),
        ]
        row += [] if item.truth < 0 and "labels" not in summary["summary"] else [_truth(item.truth)]
        rows.append(row if pictures is not None else [*row, _shown(item.shown)])
    columns = ["input", "p", "flagged", "least p in layer", *(f"score {name}" for name in layers)]
    columns += ["label"] if "labels" in summary["summary"] else []
    columns += [] if pictures is not None else ["input (beginning)"]
    caption = f"The {len(rows)} inputs with the lowest p-values, of {tally.rows:,}; those with equal p-values by their fused score."
    return [*blocks, Table(columns, rows, caption)]


def _caption(item: Lowest) -> str:
    mark = "flagged" if item.flag else "not flagged"
    label = f", {_truth(item.truth)}" if item.truth >= 0 else ""
    return f"{item.id}: p = {item.p:.2g}, {mark}{label}"


def _truth(value: int) -> str:
    return {1: "odd", 0: "normal"}.get(value, "")


def _shown(value: np.ndarray | str) -> str:
    if isinstance(value, str):
        return value if len(value) <= 200 else f"{value[:200]} ..."
    flat = value.reshape(-1)
    more = " ..." if flat.size > _VALUES else ""
    return " ".join(f"{x:.3g}" for x in flat[:_VALUES]) + more


def _pictures(lowest: Sequence[Lowest]) -> np.ndarray | None:
    """Return the inputs as images, or None where they are none."""
    arrays = [item.shown for item in lowest if isinstance(item.shown, np.ndarray)]
    if len(arrays) < len(lowest) or len({array.shape for array in arrays}) > 1:
        return None
    return as_pictures(np.stack(arrays))


def as_pictures(stack: np.ndarray) -> np.ndarray | None:
    """Return inputs, (n, ...), as images in [0, 1] with channels last, or None where they are none."""
    if stack.dtype.kind != "f" or stack.ndim not in (3, 4):
        return None
    if stack.ndim == 3:
        stack = stack[..., None]
    elif stack.shape[1] in (1, 3) and stack.shape[-1] not in (1, 3):
        stack = stack.transpose(0, 2, 3, 1)
    if stack.shape[-1] not in (1, 3) or min(stack.shape[1:3]) < 4:
        return None
    low, high = float(stack.min()), float(stack.max())
    # Of inputs that were centred, the range of all that are drawn becomes that from black to white.
    return stack if low >= 0 and high <= 1 else (stack - low) / max(high - low, 1e-30)


def _p_values(tally: AnswerTally, judge: Judge) -> list[Block]:
    m, n = judge.m, tally.rows
    if not n:
        return []
    counts = sorted(tally.p.items())
    places = np.asarray([p for p, _ in counts])
    below = np.cumsum([number for _, number in counts])
    grid = sorted({round(x) for x in np.geomspace(1, m, _POINTS)})
    rows = []
    for k in grid:
        low, high = count_band(n, k, m)
        index = int(np.searchsorted(places, k / (m + 1) + 1e-12, side="right"))
        rows.append(
            {
                "p": k / (m + 1),
                "inputs at or below it": int(below[index - 1]) if index else 0,
                "low": low,
                "high": high,
            }
        )
    wanted = "inputs at or below it"
    lines = [
        {"p": row["p"], "inputs": row[name], "of": label}
        for row in rows
        for name, label in ((wanted, "these inputs"), ("low", "normal: low"), ("high", "normal: high"))
    ]  # fmt: skip
    return [
        charts.line(
            lines,
            "p",
            "inputs",
            color="of",
            title="Inputs by p-value",
            x_title="p-value",
            y_title="inputs at or below it",
            x_log=True,
            caption="Between the two outer lines lie 95 % of calibration sets, if all inputs are normal (beta-binomial).",
        )
    ]


def _scores(tally: AnswerTally, judge: Judge) -> list[Block]:
    blocks: list[Block] = []
    for name, values in tally.shown.items():
        rows = [{name: value, "of": "inputs"} for value in values]
        if name in judge.known.scores:
            held = judge.known.scores[name][: len(values)]
            rows += [{name: float(value), "of": "calibration"} for value in held]
        blocks.append(charts.histogram(rows, name, color="of", title=f"Scores of {name}"))
    return blocks


def _errors(tally: AnswerTally) -> Table:
    rows: list[list[Any]] = [[row, why] for row, why in tally.errors]
    more = tally.num_errors - len(rows)
    caption = f"{more:,} more are in the answers." if more else ""
    return Table(["row", "reason"], rows, caption)
