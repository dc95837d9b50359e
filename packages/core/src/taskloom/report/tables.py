"""Rows of a run's config and metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping

from taskloom.report.model import Table
from taskloom.task import JsonValue

TILE_LIMIT = 12
"""Final metrics that are shown large; more than these make a table."""


def leaves(config: Mapping[str, JsonValue], prefix: str = "") -> dict[str, JsonValue]:
    """Return every value of a config under its dotted path."""
    flat: dict[str, JsonValue] = {}
    for name, value in config.items():
        if isinstance(value, dict) and value:
            flat.update(leaves(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def source_of(path: str, sources: Mapping[str, str]) -> str:
    """Return the layer that set a value; choosing a component (`detector`) is what set its `detector.kind`."""
    return sources.get(path) or sources.get(path.removesuffix(".kind")) or "default"


def value_text(value: JsonValue) -> str:
    """Return a config value as it would be written on the command line."""
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False)


def metric_tables(metrics: Mapping[str, float]) -> tuple[dict[str, float], list[Table]]:
    """Return the metrics to show large, and tables for the rest.

    Names in groups (`auroc/dense_0`, `ap/dense_0`) become one table with a line for each right part and a column for each
    left part.
    """
    plain = {name: value for name, value in metrics.items() if "/" not in name}
    grouped = {name: value for name, value in metrics.items() if "/" in name}
    tables = _pivots(grouped)
    if len(plain) > TILE_LIMIT:
        tables.insert(0, Table(("metric", "value"), list(plain.items())))
        plain = {}
    return plain, tables


def _pivots(metrics: Mapping[str, float]) -> list[Table]:
    """Put groups that have the same members side by side."""
    columns: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        group, _, member = name.partition("/")
        columns.setdefault(group, {})[member] = value
    shapes: dict[tuple[str, ...], list[str]] = {}
    for group, members in columns.items():
        shapes.setdefault(tuple(members), []).append(group)
    return [
        Table(
            ("", *groups),
            [(member, *(columns[group][member] for group in groups)) for member in shape],
        )
        for shape, groups in shapes.items()
    ]
