"""Quality against calls, as a table and a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from taskloom.report import charts
from taskloom.report.model import Block, Table

_SHARES = {"valid": "valid", "unique": "unique", "novel": "novel", "known_words": "known words"}
_LAWS = {
    "kept": "that of one a call",
    "own": "another, which is known",
    "heuristic": "none that is known",
}


def calls_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for every sampler at every number of calls."""
    figures = [name for name in _SHARES if any(name in row["figures"] for row in rows)]
    lines = [
        (
            row["sampler"],
            row["setting"],
            _LAWS[row["law"]],
            row["calls"],
            row["work"],
            row["cpu_seconds"],
            *(_percent(row["figures"].get(name)) for name in figures),
            _percent(row["figures"].get("valid_error")),
        )
        for row in rows
    ]
    columns = ("sampler", "setting", "law", "calls / L", "work", "CPU-s / 1,000")
    said = (
        "Calls over positions, and positions that the network was asked about over those of one token a call, both measured; shares "
        "in % of all that was asked for, with the standard error of valid."
    )
    return Table((*columns, *(_SHARES[name] for name in figures), "+-"), lines, said)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def calls_blocks(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    """Return the table, and validity over calls and over processor time where it is known."""
    blocks: list[Block] = [calls_table(rows)]
    points = [
        {
            "calls": math.log2(row["calls"]),
            "time": row["cpu_seconds"],
            "valid": 100 * row["figures"]["valid"],
            " ": row["sampler"] + (" (law kept)" if row["law"] == "kept" else ""),
        }
        for row in rows
        if row["figures"].get("valid") is not None and row["calls"] > 0
    ]
    if points:
        said = (
            "Valid samples over the calls of a sequence: 0 is one call a position, -1 half as many."
        )
        blocks.append(
            charts.scatter(
                points,
                "calls",
                "valid",
                color=" ",
                x_title="log2(calls / L)",
                y_title="valid [%]",
                caption=said,
            )
        )
        said = "The same over processor time, a batch at a time."
        blocks.append(
            charts.scatter(
                points,
                "time",
                "valid",
                color=" ",
                x_title="CPU-s / 1,000",
                y_title="valid [%]",
                caption=said,
            )
        )
    return blocks
