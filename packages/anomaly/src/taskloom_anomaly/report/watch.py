"""The part of the report of a watch: the evidence over time, with its bar, and the p-values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from taskloom.report import charts
from taskloom.report.model import Block, Table

_MOST_ALARMS = 50


def watch(history: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> list[Block]:
    """Return the blocks of a watch.

    Args:
        history: The logged lines of the run.
        config: The recorded config.
    """
    rows = [row for row in history if "log10_e" in row]
    bar = math.log10(config.get("mean_run") or 1 / float(config.get("alpha", 0.01)))
    ends = (rows[0]["step"], rows[-1]["step"])
    lines = [{"point": row["step"], "log10 of the evidence": row["log10_e"], "of": "evidence"} for row in rows]  # fmt: skip
    lines += [{"point": step, "log10 of the evidence": bar, "of": "alarm"} for step in ends]
    alarms = [row for row in rows if row["alarm"]]
    table: list[list[Any]] = [
        [int(row["step"]), row["p"], row["log10_e"]] for row in alarms[:_MOST_ALARMS]
    ]
    return [
        charts.line(lines, "point", "log10 of the evidence", color="of", title="Evidence that the stream has changed"),
        charts.histogram([{"p": row["p"]} for row in rows], "p", bins=20, title="P-values", caption="Even while nothing has changed."),
        *([Table(["point", "p", "log10 of the evidence"], table, f"Alarms: {len(alarms):,}.")] if alarms else []),
    ]  # fmt: skip
