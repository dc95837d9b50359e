"""Runs side by side: what came out, and what was different about them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import htpy as h

from taskloom.errors import RunCorruptError
from taskloom.report import figures
from taskloom.report.blocks import render_blocks, table
from taskloom.report.history import comparison_charts
from taskloom.report.sample import thin_rows
from taskloom.report.tables import leaves, value_text
from taskloom.runs.run import Run

_DASH = "\u2013"


def head(runs: Sequence[Run]) -> h.Element:
    """Return the page's header."""
    tasks = sorted({f"{run.domain} {run.task}" for run in runs})
    return h.header[
        h.p(".kicker")["taskloom \u00b7 comparison"],
        h.h1[f"{len(runs)} runs compared"],
        h.p(".lede")["Of " + ", ".join(tasks) + "."],
    ]


def parts(runs: Sequence[Run]) -> list[tuple[str, h.Node]]:
    """Return the page's sections."""
    labels = _labels(runs)
    return [
        ("Runs", _overview(runs, labels)),
        ("What differs", _difference(runs, labels)),
        ("Results", _results(runs, labels)),
        ("Metrics over time", _histories(runs, labels)),
    ]


def difference(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return every config value that is not the same in all runs: its path and its value in each run."""
    flat = [leaves(run.config) for run in runs]
    paths = dict.fromkeys(path for config in flat for path in config)
    rows = [
        (path, [value_text(config[path]) if path in config else _DASH for config in flat])
        for path in paths
    ]
    return [(path, values) for path, values in rows if len(set(values)) > 1]


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return what to call each run: its name if that is unique, else the random end of its id, else the id."""
    names = [run.record.name for run in runs]
    ends = [run.id.rpartition("-")[2] for run in runs]
    if all(names) and len(set(names)) == len(names):
        return names
    return ends if len(set(ends)) == len(ends) else [run.id for run in runs]


def _overview(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    rows = [
        (
            label,
            run.id,
            f"{run.domain} {run.task}",
            run.status,
            figures.duration(run.record.duration),
            run.summary,
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    heads = ("", "run", "task", "status", "duration", "summary")
    return h.div(".overview")[table(heads, rows, row_heads=True)]


def _difference(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    rows = difference(runs)
    if not rows:
        return h.p["Nothing: the configs are the same."]
    body = (
        h.tr[h.th(".path", scope="row")[path], (h.td(".value")[value] for value in values)]
        for path, values in rows
    )
    heads = [h.th(scope="col")["parameter"], (h.th(scope="col")[label] for label in labels)]
    return h.div(".scroll", tabindex="0", role="region", aria_label="Config difference")[
        h.table[h.thead[h.tr[heads]], h.tbody[body]]
    ]


def _results(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if not names:
        return None
    rows = [(name, *(run.metrics.get(name) for run in runs)) for name in names]
    return table(("metric", *labels), rows, row_heads=True)


def _histories(runs: Sequence[Run], labels: Sequence[str]) -> h.Node:
    histories = {}
    for label, run in zip(labels, runs, strict=True):
        with contextlib.suppress(RunCorruptError):  # the charts show those that can be read
            histories[label] = thin_rows(run.rows())
    drawn = comparison_charts(histories)
    return render_blocks(drawn, runs[0].dir) if drawn else None
