"""Runs as tables for other programs: one row for each run, or one for each metric line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from taskloom.errors import RunCorruptError
from taskloom.records.folders import Damaged
from taskloom.runs.compare import flatten
from taskloom.runs.run import Run
from taskloom.runs.writer import encode_number

_FACTS = (
    "id",
    "domain",
    "task",
    "version",
    "status",
    "name",
    "created",
    "started",
    "ended",
    "duration",
    "identity",
    "sweep",
)


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return one flat row for each run: facts, `config.*` and `metrics.*`."""
    rows = []
    for run in runs:
        row: dict[str, Any] = {name: getattr(run.record, name) for name in _FACTS}
        row["status"] = run.status
        row["tags"] = " ".join(run.record.tags)
        row |= {f"config.{path}": value for path, value in flatten(run.config).items()}
        row |= {f"metrics.{name}": encode_number(value) for name, value in run.metrics.items()}
        rows.append({**row, "summary": run.summary})
    return rows


def history_rows(
    runs: Sequence[Run], left_out: list[Damaged] | None = None
) -> list[dict[str, Any]]:
    """Return one row for each metric line of each run, with the run's id in front.

    Args:
        runs: The runs.
        left_out: Gets those whose lines cannot be read; without it the first of them is an error.

    Raises:
        RunCorruptError: The lines of a run cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for run in runs:
        try:
            for line in run.rows():
                numbers = {name: encode_number(value) for name, value in line.items()}
                rows.append({"run": run.id, **numbers})
        except RunCorruptError as error:
            if left_out is None:
                raise
            left_out.append(Damaged(run.id, error.reason))
    return rows


def write_csv(rows: Sequence[Mapping[str, Any]], stream: TextIO) -> None:
    """Write rows under the union of their columns; lists are written as JSON.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(
        stream, [_guard(name) for name in columns], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for row in rows:
        writer.writerow({_guard(name): _cell(value) for name, value in row.items()})


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV text."""
    stream = io.StringIO()
    write_csv(rows, stream)
    return stream.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list | dict | tuple):
        return json.dumps(value)
    if isinstance(value, str):
        return _guard(value)
    return "" if value is None else value


def _guard(text: str) -> str:
    return (
        f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text != "-Infinity" else text
    )
