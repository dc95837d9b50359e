"""Runs side by side: where their configs differ, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskloom.errors import RunCorruptError
from taskloom.records.documents import read_object
from taskloom.runs.run import Run
from taskloom.task import JsonValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        ids: The runs, one column each.
        facts: What else is not the same in all of them: the task, its version, the commit of the code, Python.
        parameters: The parameters that are not the same in all of them: path -> one value per run, None where absent.
        metrics: Every metric that any of them has: name -> one value per run, None where absent.
    """

    ids: tuple[str, ...]
    facts: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, tuple[JsonValue, ...]]
    metrics: Mapping[str, tuple[float | None, ...]]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Put runs side by side."""
    flat = [flatten(run.config) for run in runs]
    parameters = {path: tuple(config.get(path) for config in flat) for path in _union(flat)}
    differing = {
        path: row for path, row in parameters.items() if any(value != row[0] for value in row)
    }
    told = [_facts(run) for run in runs]
    facts = {name: tuple(fact.get(name, "") for fact in told) for name in _union(told)}
    metrics = {
        name: tuple(run.metrics.get(name) for run in runs)
        for name in _union([run.metrics for run in runs])
    }
    unlike = {name: row for name, row in facts.items() if len(set(row)) > 1}
    return Comparison(tuple(run.id for run in runs), unlike, differing, metrics)


def _facts(run: Run) -> dict[str, str]:
    """Return what may explain that two runs with the same parameters have other metrics."""
    facts = {"task": f"{run.domain}/{run.task}", "version": str(run.record.version)}
    try:
        environment = read_object(run.dir, run.layout.environment.name)
    except RunCorruptError:
        return facts  # it explains, and nothing depends on it
    git, python = environment.get("git"), environment.get("python")
    if isinstance(git, Mapping) and git.get("sha"):
        facts["commit"] = str(git["sha"])[:10] + ("+changes" if git.get("dirty") else "")
    return {**facts, "python": str(python)} if python else facts


def flatten(config: Mapping[str, JsonValue], prefix: str = "") -> dict[str, JsonValue]:
    """Return the leaves of a config by dotted path."""
    found: dict[str, JsonValue] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found.update(flatten(value, f"{prefix}{name}."))
        else:
            found[prefix + name] = value
    return found


def spelled(config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the leaves of a config by path, with a component's choice under the path that chooses it."""
    return {path.removesuffix(".kind"): value for path, value in flatten(config).items()}


def varying(configs: Sequence[Mapping[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    """Return the parameters of each config that are not the same in all of them, by path.

    The choice of a component stands under the path that chooses it.
    """
    flat = [spelled(config) for config in configs]
    seen: dict[str, set[str]] = {}
    for config in flat:
        for path, value in config.items():
            seen.setdefault(path, set()).add(json.dumps(value))
    return [
        {path: value for path, value in config.items() if len(seen[path]) > 1} for config in flat
    ]


def _union(tables: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))
