"""Runs side by side: where their configs differ, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskloom.runs.run import Run
from taskloom.task import JsonValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        ids: The runs, one column each.
        parameters: The parameters that are not the same in all of them: path -> one value per run, None where absent.
        metrics: Every metric that any of them has: name -> one value per run, None where absent.
    """

    ids: tuple[str, ...]
    parameters: Mapping[str, tuple[JsonValue, ...]]
    metrics: Mapping[str, tuple[float | None, ...]]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Put runs side by side."""
    flat = [flatten(run.config) for run in runs]
    parameters = {path: tuple(config.get(path) for config in flat) for path in _union(flat)}
    differing = {
        path: row for path, row in parameters.items() if any(value != row[0] for value in row)
    }
    metrics = {
        name: tuple(run.metrics.get(name) for run in runs)
        for name in _union([run.metrics for run in runs])
    }
    return Comparison(tuple(run.id for run in runs), differing, metrics)


def flatten(config: Mapping[str, JsonValue], prefix: str = "") -> dict[str, JsonValue]:
    """Return the leaves of a config by dotted path."""
    found: dict[str, JsonValue] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found.update(flatten(value, f"{prefix}{name}."))
        else:
            found[prefix + name] = value
    return found


def _union(tables: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))
