"""Conditions of a run's model in its report: what it may be asked for, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskloom.report.model import Block, Table, Text

_MOST_CLASSES = 8


def condition_blocks(
    conditions: Sequence[Mapping[str, Any]], metrics: Mapping[str, float]
) -> list[Block]:
    """Return what a model was told, as its folder keeps it, and its bounds with it and without; nothing of a model without."""
    if not conditions:
        return []
    rows = [
        (c["name"], _values(c), _SOURCES.get(c["source"], c["source"]), c["missing"])
        for c in conditions
    ]
    names = ("condition", "values of training sequences", "from", "without it")
    flags = " ".join(f"--condition.{c['name']}={_example(c)}" for c in conditions[:2])
    blocks: list[Block] = [Table(names, rows, f"Samples are asked for by them: {flags}.")]
    told, untold = metrics.get("nelbo/nats_per_token"), metrics.get("nelbo/null_nats_per_token")
    if told is not None and untold is not None:
        blocks.append(
            Text(
                f"Told all of them the bound is {told:.4f} nats per token, told nothing {untold:.4f}, on the same test sequences and "
                "noise. Each is a bound on its own law; their difference is none."
            )
        )
    return blocks


_SOURCES = {"column": "a column of the file", "rdkit": "RDKit"}


def _values(condition: Mapping[str, Any]) -> str:
    if condition["kind"] == "class":
        classes = list(condition["classes"].items())
        shown = ", ".join(f"{name} {count:,}" for name, count in classes[:_MOST_CLASSES])
        return shown + f", and {len(classes) - _MOST_CLASSES} more" * (len(classes) > _MOST_CLASSES)
    low, high, mean, sd = (condition[name] for name in ("min", "max", "mean", "sd"))
    return f"{low:.4g} to {high:.4g}, mean {mean:.4g}, standard deviation {sd:.4g}"


def _example(condition: Mapping[str, Any]) -> str:
    if condition["kind"] == "class":
        return str(next(iter(condition["classes"])))
    return f"{condition['mean']:.3g}"
