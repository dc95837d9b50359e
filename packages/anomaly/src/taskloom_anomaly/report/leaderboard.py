"""The page of a leaderboard: standings over all tasks, each task with its baseline, and pairs with their tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import htpy as h
from taskloom.report.model import Block, Fold, Table, Text
from taskloom.report.page import page
from taskloom.report.parts import arranged
from taskloom.runs.writer import atomic_write

# Pairs of many detectors are hundreds: those of the leader come first, and the rest is in the file.
_PAIRS = 60


def write_page(path: Path, board: dict[str, Any]) -> None:
    """Write the page.

    Args:
        path: The file.
        board: The standings, as their file has them.
    """
    rows = _standings(board)
    tasks = board["tasks"]
    lede = f"{len(rows)} detectors on {len(tasks)} tasks."
    if rows:
        lede += f" The highest mean AUROC is {rows[0][2]:.3f}, of {rows[0][0]}."
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 anomaly \u00b7 leaderboard"],
        h.h1["Detectors against one another"],
        h.p(".lede")[lede],
    ]
    columns = ["detector", "tasks", "AUROC", "rank", "regret", "worst regret", "regret to best layer"]  # fmt: skip
    caption = "Means over tasks whose validity card holds on every seed. Regret: what the best detector of the task has more."
    blocks: list[Block] = [Table(columns, rows, caption)]
    if board["left_out"]:
        blocks.append(Text("Left out: " + ", ".join(f"{n} ({why})" for n, why in board["left_out"].items()) + "."))  # fmt: skip
    blocks += [Fold("Pairs", "over tasks and seeds"), _pairs(board)]
    for name, task in tasks.items():
        blocks += [Fold(name), *_task(task)]
    evidence, _, folds = arranged(blocks, path.parent)
    atomic_write(path, page("Leaderboard", header, [("Standings", evidence)], folds=folds))


def _standings(board: dict[str, Any]) -> list[list[Any]]:
    names = ("tasks", "auroc", "rank", "regret_to_best_detector", "worst_regret", "regret_to_best_layer")  # fmt: skip
    rows = [[name, *(row[key] for key in names)] for name, row in board["detectors"].items()]
    return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))


def _pairs(board: dict[str, Any]) -> Table:
    rows = [
        [row["first"], row["second"], row["n"], row.get("difference"), row.get("low"), row.get("high"), row.get("p_holm"), row.get("note", "")]
        for row in board["pairs"]
    ]  # fmt: skip
    rows.sort(key=lambda row: (row[6] is None, row[6], -(row[3] or 0)))
    columns = ["first", "second", "pairs", "difference", "low", "high", "p (Holm)", ""]
    caption = f"Differences of AUROC on the same task and seed, with the interval of their mean and Wilcoxon's test; {len(rows)} pairs"
    caption += f", of which the first {_PAIRS} are shown." if len(rows) > _PAIRS else "."
    return Table(columns, rows[:_PAIRS], caption)


def _task(task: dict[str, Any]) -> list[Block]:
    rows: list[list[Any]] = []
    for name, row in task["detectors"].items():
        if "refused" in row:
            rows.append([name, None, None, None, None, None, row["refused"]])
        else:
            rows.append([name, row["auroc"], row["low"], row["high"], row["rank"], row["regret_to_best_layer"], ""])  # fmt: skip
    rows.sort(key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))
    base = task["baseline"]
    said = f"Best without the network: {', '.join(base['names'])}, {base['auroc']:.3f}." if base["auroc"] is not None else ""  # fmt: skip
    blocks: list[Block] = [Text(said)] if said else []
    if task["invalid_seeds"]:
        seeds = ", ".join(map(str, task["invalid_seeds"]))
        blocks.append(Text(f"The validity card fails on the seeds {seeds}: the task is shown, and not averaged."))  # fmt: skip
    columns = ["detector", "AUROC", "low", "high", "rank", "regret to best layer", ""]
    blocks.append(Table(columns, rows, "Means over seeds with their 95 % intervals."))
    pairs = [[row["first"], row["second"], row["difference"], row["low"], row["high"], row["p_holm"]] for row in task["pairs"]]  # fmt: skip
    if pairs:
        caption = "The best detector of the task against each other one, on the same samples (DeLong; Holm)."
        blocks.append(Table(["first", "second", "difference", "low", "high", "p (Holm)"], pairs, caption))  # fmt: skip
    return blocks
