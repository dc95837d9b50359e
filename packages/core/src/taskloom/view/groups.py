"""Rows of runs in groups: one row a variant, that is all but the seed, or one row a sweep, with mean and interval."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import htpy as h
from markupsafe import Markup

from taskloom.records.checks import decode_number
from taskloom.records.names import is_id
from taskloom.report.tables import value_text
from taskloom.runs.compare import varying
from taskloom.statistics.intervals import mean_interval
from taskloom.view.asked import Group
from taskloom.view.sweeps import address
from taskloom.wording import format_bound, format_value

MOST_COMPARED = 20
_SEED = "seed"
_ENOUGH = 3
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Grouped:
    """Runs of one group.

    Attributes:
        name: What they have in common and others have not.
        rows: Their rows.
        metric: The metric that is averaged; empty where none is common.
        values: Its finite values, of the finished runs.
    """

    name: str
    rows: tuple[Mapping[str, Any], ...]
    metric: str
    values: tuple[float, ...]


def grouped(rows: Sequence[Mapping[str, Any]], by: Group) -> list[Grouped]:
    """Return the groups of rows in the order of their first.

    Args:
        rows: Rows of runs.
        by: `seed` or `sweep`; runs without a sweep are groups of their own.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(_key(row, by), []).append(number)
    # Within a group the seed alone differs, so that one run of each tells what the groups differ in.
    differing = varying([rows[numbers[0]]["config"] for numbers in groups.values()])
    found = []
    for (key, numbers), differs in zip(groups.items(), differing, strict=True):
        own = tuple(rows[number] for number in numbers)
        if by == "sweep":
            name = key[-1] or own[0]["id"]
        else:
            told = [
                f"{path}={value_text(value)}" for path, value in differs.items() if path != _SEED
            ]
            name = ", ".join(told) or "all"
        metric = _metric(own)
        values = [decode_number(row["metrics"].get(metric)) for row in own if row["status"] == "finished"]  # fmt: skip
        kept = tuple(value for value in values if value is not None and math.isfinite(value))
        found.append(Grouped(name, own, metric, kept))
    return found


def differing_words(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what is not the same in all runs of a task, in words, by the folder of each run.

    Args:
        rows: Rows of runs, of several tasks.
    """
    tasks: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        tasks.setdefault((row["domain"], row["task"]), []).append(row)
    found = {}
    for own in tasks.values():
        for row, values in zip(own, varying([row["config"] for row in own]), strict=True):
            told = [f"{path}={value_text(value)}" for path, value in values.items()]
            rest = [f"{len(told) - _MOST_WORDS} more"] if len(told) > _MOST_WORDS else []
            found[row["folder"]] = ", ".join([*told[:_MOST_WORDS], *rest])
    return found


def groups_table(found: Sequence[Grouped], most: int) -> h.Node:
    """Return the table of groups: what they are, how many runs, mean and interval.

    Args:
        found: The groups.
        most: Groups that are shown.
    """
    heads = ("group", "task", "runs", "metric", "mean", "95 % interval over runs", "")
    body = [Markup(h.tr[_cells(item)]) for item in found[:most]]
    rest = len(found) - most
    return [
        h.div(".scroll", tabindex="0", role="group", aria_label="Groups of runs")[
            h.table(".runs")[
                h.thead[h.tr[(_head(head) for head in heads)]],
                h.tbody[body],
            ]
        ],
        rest > 0 and h.p(".more")[f"{rest:,} more groups are not shown."],
    ]


def _head(name: str) -> h.Node:
    """Return the head of a column; that of numbers stands at their side."""
    return h.th(class_={"n": name == "mean"}, scope="col")[name] if name else h.td


def _cells(item: Grouped) -> list[h.Node]:
    n = len(item.values)
    mean, ends = "", "no finished run has the metric" if not n else ""
    if n >= _ENOUGH:
        told = mean_interval(item.values)
        half = told.half_width
        mean = format_value(told.estimate, half)
        if told.low is not None and told.high is not None:
            ends = f"{format_bound(told.low, half)} to {format_bound(told.high, half)}"
    elif n:
        mean = f"{math.fsum(item.values) / n:.4g}"
        ends = "none: one run" if n == 1 else f"none: two runs, {item.values[0]:.4g} and {item.values[1]:.4g}"  # fmt: skip
    sweep = item.rows[0]["sweep"]
    name: h.Node = item.name
    if item.name == sweep and is_id(sweep):
        name = h.a(href=address(sweep))[sweep]
    tasks = sorted({f"{row['domain']} {row['task']}" for row in item.rows})
    told_of = Counter(str(row["status"]) for row in item.rows)
    count = ", ".join(f"{count} {status}" for status, count in told_of.items())
    return [
        h.th(scope="row")[name],
        h.td[", ".join(tasks)],
        h.td[count],
        h.td[item.metric],
        h.td(".n")[mean],
        h.td[ends],
        h.td[_compare_link(item)],
    ]


def _compare_link(item: Grouped) -> h.Node:
    if not 2 <= len(item.rows) <= MOST_COMPARED:
        return None
    query = "&".join(f"run={row['folder']}" for row in item.rows)
    return h.a(href=f"/compare?{query}")["compare"]


def _key(row: Mapping[str, Any], by: Group) -> tuple[str, ...]:
    if by == "sweep":
        return (str(row["sweep"] or row["folder"]), str(row["sweep"]))
    others = {name: value for name, value in row["config"].items() if name != _SEED}
    return (str(row["domain"]), str(row["task"]), json.dumps(others, sort_keys=True))


def _metric(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the metric of most headlines, else the first that all finished runs have."""
    named = Counter(row["headline_metric"] for row in rows if row["headline_metric"])
    if named:
        return str(named.most_common(1)[0][0])
    done = [row["metrics"] for row in rows if row["status"] == "finished"]
    return next((name for name in done[0] if all(name in other for other in done)), "") if done else ""  # fmt: skip
