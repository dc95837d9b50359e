"""One row a run: what listings show, filter and sort by. The index keeps rows, so that no listing reads a record again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskloom.records.checks import decode_number
from taskloom.runs.holders import probe
from taskloom.runs.record import RunRecord
from taskloom.runs.writer import encode_number
from taskloom.wording import format_bound, format_value

ROW = (
    "id",
    "domain",
    "task",
    "status",
    "name",
    "tags",
    "created",
    "ended",
    "duration",
    "identity",
    "config_id",
    "computation",
    "sweep",
    "parent",
    "host",
    "summary",
    "metrics",
    "config",
)
"""Fields of a record that a row has, in the order in which `tasks runs ls --json` prints them."""
TOLD = ("verdict", "headline", "headline_metric")
"""Texts of a row that follow from the headline of a record: its verdict, its figure with interval and unit, its metric."""
FIELDS = (*ROW, *TOLD)
_RUNNING = {"alive": "running", "unknown": "running?", "dead": "crashed"}
_TEXTS = tuple(name for name in ROW if name not in ("tags", "duration", "metrics", "config"))


def row_of(record: RunRecord) -> dict[str, Any]:
    """Return the row of a record, as JSON values."""
    row = {name: getattr(record, name) for name in ROW}
    row["tags"] = list(record.tags)
    row["metrics"] = {name: encode_number(value) for name, value in record.metrics.items()}
    row["config"] = dict(record.config)
    row |= dict.fromkeys(TOLD, "")
    if record.headline is not None:
        # A listing has room for one sentence, and this one says whether the result is good.
        row["summary"] = str(record.headline["sentence"])
        row |= _told(record.headline)
    elif record.failure is not None and not row["summary"]:
        row["summary"] = record.failure.message.partition("\n")[0]
    return row


def _told(headline: Mapping[str, Any]) -> dict[str, str]:
    """Return what a listing says of a headline: verdict, figure and metric."""
    value, low, high = (decode_number(headline.get(name)) for name in ("value", "low", "high"))
    half = None if low is None or high is None else (high - low) / 2
    shown = "" if value is None else format_value(value, half)
    ends = "" if half is None or low is None or high is None else f" ({format_bound(low, half)} to {format_bound(high, half)})"  # fmt: skip
    unit = f" {headline['unit']}" if headline.get("unit") else ""
    figure = f"{shown}{ends}{unit}"
    return dict(zip(TOLD, (str(headline["verdict"]), figure, str(headline["metric"])), strict=True))


def with_status(store: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the derived status in the place of the recorded one; its folder stands under `folder`."""
    if row["status"] != "running":
        return row
    return {**row, "status": _RUNNING[probe(store / row["folder"] / "lock")]}


def encode_row(record: RunRecord) -> str:
    """Return the row of a record as JSON text."""
    return json.dumps(row_of(record))


def decode_row(text: object) -> dict[str, Any]:
    """Return the row that `encode_row` wrote.

    Raises:
        ValueError: The text is no such row: a cache may have been edited as well.
    """
    try:
        row = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not _is_row(row):
        raise ValueError("the index holds something else than rows")
    return row


def _is_row(row: dict[str, Any]) -> bool:
    """Return whether a row has every field, each of its kind."""
    for name in _TEXTS:
        if not isinstance(row.get(name), str):
            return False
    if not all(isinstance(row.get(name), str) for name in TOLD):
        return False
    tags, metrics = row.get("tags"), row.get("metrics")
    return (
        isinstance(row.get("duration"), float)
        and isinstance(tags, list)
        and all(isinstance(tag, str) for tag in tags)
        and isinstance(row.get("config"), dict)
        and isinstance(metrics, dict)
        and all(
            type(value) is float or decode_number(value) is not None for value in metrics.values()
        )
    )
