"""The viewer's pages of sweeps: which there are, and the points of one with what came of each."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import htpy as h

from taskloom.comparison.variants import ENOUGH_SEEDS
from taskloom.errors import RunCorruptError
from taskloom.records.checks import decode_number
from taskloom.records.documents import read_object
from taskloom.records.folders import names_holding
from taskloom.report import figures
from taskloom.report.blocks import ROW_LIMIT, note, table
from taskloom.report.page import page
from taskloom.report.tables import value_text
from taskloom.runs.compare import varying
from taskloom.runs.rows import with_status
from taskloom.statistics.intervals import mean_interval
from taskloom.studies.record import is_study
from taskloom.sweeps.answers import rows_of
from taskloom.sweeps.record import RECORD, SEARCH, SweepRecord, read_sweep
from taskloom.view.studies import studies_table

SCRIPT = "/static/view.js"
METRICS = 6
"""Metrics that have a column."""
LISTED = 100
"""Sweeps that are listed, the newest."""
_SEED = "seed"
_END = re.compile(r"(?:^|[/_])(?:low|high)(?:/|$)")
"""Names of ends of intervals: `rounds/low`, `auroc_low/fused`."""


@dataclass(frozen=True, slots=True)
class _Point:
    """A point: its config, and the row of its run if it has one."""

    config: Mapping[str, Any]
    row: Mapping[str, Any] | None

    def metric(self, name: str) -> float | None:
        """Return a final metric; None where there is none."""
        return decode_number(self.row["metrics"].get(name)) if self.row else None


def address(name: str) -> str:
    """Return the address of a sweep's page."""
    return f"/sweeps/{name}/"


def sweeps_page(store: Path) -> str:
    """Return the list of sweeps, the newest first."""
    names = sorted(names_holding(store, RECORD), reverse=True)
    body = (h.tr[_line(store, name)] for name in names[:LISTED])
    heads = (h.th(scope="col")[name] for name in ("sweep", "task", "points", "created"))
    listed = h.div(".scroll", tabindex="0", role="group", aria_label="Sweeps")[
        h.table(".runs")[h.thead[h.tr[heads]], h.tbody[body]]
    ]
    rest = len(names) - LISTED
    more = rest > 0 and h.p(".more")[f"{rest:,} older sweeps are not shown."]
    header = [
        _back(),
        h.header[h.p(".kicker")["taskloom \u00b7 viewer"], h.h1["Sweeps"]],
    ]
    content = [studies_table(store), h.h3["Sweeps"], listed, more] if names else h.p["No sweeps."]
    return page("Sweeps", header, [("Sweeps", content)], policy="", script=SCRIPT)


def sweep_page(store: Path, name: str) -> str:
    """Return the page of a sweep or a search.

    Args:
        store: The store.
        name: The name of the sweep's folder.

    Raises:
        RunCorruptError: Its record cannot be read.
    """
    record, goal = read_sweep(store / name), _goal(store / name)
    points = _points(store, name, record)
    metrics = _metrics(points, goal)
    if goal:
        points = sorted(points, key=lambda point: _rank(point, goal))
    counts = Counter(_status(point) for point in points)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    query = urlencode({"where": f"sweep = '{name}'"})
    runs = h.a(href=f"/?{query}")["Its runs in the table"]
    header = [
        _back(),
        h.header[
            h.p(".kicker")[f"taskloom \u00b7 {'search' if goal else 'sweep'} \u00b7 {name}"],
            h.h1[f"{record.domain} {record.task}"],
            h.p(".lede")[f"{len(points):,} point{'s' * (len(points) != 1)}: {told}."]
            if points
            else h.p(".lede")["No point yet."],
            h.dl(".facts")[
                (
                    h.div[h.dt[fact], h.dd[text]]
                    for fact, text in _facts(record, goal, counts)
                    if text
                )
            ],
            h.p[runs],
            is_study(store / name) and h.p[h.a(href=f"/studies/{name}/")["What the study says"]],
        ],
    ]
    parts = [
        ("Points", _table(points, metrics, goal) if points else None),
        ("Over seeds", _over_seeds(points, metrics)),
    ]
    return page(f"Sweep {name}", header, parts, policy="", script=SCRIPT, wide=True)


def _back() -> h.Element:
    return h.nav(".kicker.back", aria_label="Back")[
        h.a(href="/")["\u2190 All runs"], " \u00b7 ", h.a(href="/sweeps/")["All sweeps"]
    ]


def _line(store: Path, name: str) -> list[h.Node]:
    link = h.th(".path", scope="row")[h.a(href=address(name))[name]]
    try:
        record = read_sweep(store / name)
    except RunCorruptError as error:
        return [link, h.td(colspan="3")[f"damaged: {error.reason}"]]
    count = "search" if _goal(store / name) else f"{len(record.points):,}"
    created = record.created[:19].replace("T", " ")
    return [link, h.td[f"{record.domain} {record.task}"], h.td(".n")[count], h.td[created]]


def _goal(folder: Path) -> tuple[str, bool] | None:
    """Return the metric of a search and whether more is better; None for a sweep, and where it cannot be read."""
    try:
        goal = read_object(folder, SEARCH)["goal"]
        return str(goal["metric"]), bool(goal["is_max"])
    except (RunCorruptError, KeyError, TypeError):
        return None


def _points(store: Path, name: str, record: SweepRecord) -> list[_Point]:
    """Return the points in their order, each with its newest run; those of a search are the configs of its runs."""
    rows = rows_of(store, name, record)
    if not record.points:
        return [_Point(row["config"], with_status(store, row)) for row in rows if row]
    found = zip(record.points, rows, strict=True)
    return [_Point(point.config, row and with_status(store, row)) for point, row in found]


def _metrics(points: Sequence[_Point], goal: tuple[str, bool] | None) -> list[str]:
    """Return the metrics that have a column: the goal's and the headlines' first, last those that are the same everywhere.

    Ends of intervals have none: they stand beside their means.
    """
    rows = [point.row for point in points if point.row]
    names = dict.fromkeys([goal[0]] if goal else [])
    names |= dict.fromkeys(row["headline_metric"] for row in rows if row["headline_metric"])
    first = len(names)
    names |= dict.fromkeys(name for row in rows for name in row["metrics"] if not _END.search(name))
    seen = {name: {point.metric(name) for point in points if point.row} for name in names}
    order = {
        name: (place >= first and len(seen[name]) == 1, place) for place, name in enumerate(names)
    }
    return sorted(names, key=lambda name: order[name])[:METRICS]


def _rank(point: _Point, goal: tuple[str, bool]) -> tuple[bool, float]:
    value = point.metric(goal[0])
    is_bad = value is None or math.isnan(value) or _status(point) != "finished"
    return is_bad, 0.0 if is_bad or value is None else (-value if goal[1] else value)


def _status(point: _Point) -> str:
    return str(point.row["status"]) if point.row else "without a run"


def _facts(
    record: SweepRecord, goal: tuple[str, bool] | None, counts: Mapping[str, int]
) -> list[tuple[str, str]]:
    is_open = goal is not None or set(counts) != {"finished"}
    return [
        ("Created", record.created[:19].replace("T", " ")),
        ("Executor", str(record.options.executor)),
        ("Task version", str(record.version)),
        ("Searches for", f"the {'largest' if goal[1] else 'smallest'} {goal[0]}" if goal else ""),
        ("Continue", f"tasks resume {record.id}" if is_open else ""),
    ]


def _table(
    points: Sequence[_Point], metrics: Sequence[str], goal: tuple[str, bool] | None
) -> h.Node:
    values = varying([point.config for point in points])
    paths = list(dict.fromkeys(path for row in values for path in row))
    rows = [point.row for point in points if point.row]
    told = [name for name in ("headline", "verdict") if any(row[name] for row in rows)]
    # What the headline says has a column; a sentence is left to points without one.
    shown = {row["headline_metric"] for row in rows} if told else set()
    has_words = any(not row["headline"] for row in rows)
    columns = {
        name: figures.column([point.metric(name) for point in points])
        for name in metrics
        if name not in shown
    }
    heads = ["run", "status", *paths, *told]
    is_best = goal is not None and bool(points) and not _rank(points[0], goal)[0]

    def cells(index: int) -> list[h.Node]:
        point, row = points[index], points[index].row
        status = _status(point)
        return [
            h.th(".path", scope="row")[
                h.a(href=f"/runs/{row['folder']}/", title=row["folder"])[
                    row["folder"].rpartition("-")[2]
                ]
                if row
                else "\u2013"
            ],
            h.td[
                h.span(class_=["badge", status.partition(" ")[0]])[status],
                index == 0 and is_best and [" ", h.span(".badge.finished")["best"]],
            ],
            (
                h.td(".value")[value_text(values[index][path]) if path in values[index] else ""]
                for path in paths
            ),
            (h.td[str(row[name]) if row else ""] for name in told),
            (h.td(".n")[column[index]] for column in columns.values()),
            has_words
            and h.td(".sentence")[str(row["summary"]) if row and not row["headline"] else ""],
        ]

    rest = len(points) - ROW_LIMIT
    return [
        h.div(".scroll", tabindex="0", role="group", aria_label="Points")[
            h.table(".runs")[
                h.thead[
                    h.tr[
                        (h.th(scope="col")[name] for name in heads),
                        (h.th(".n", scope="col")[name] for name in columns),
                        has_words and h.th(scope="col")["summary"],
                    ]
                ],
                h.tbody[(h.tr[cells(index)] for index in range(min(len(points), ROW_LIMIT)))],
            ]
        ],
        rest > 0 and note(f"{rest:,} more points are not shown; the table of runs has them all."),
    ]


def _over_seeds(points: Sequence[_Point], metrics: Sequence[str]) -> h.Node:
    """Return the mean of each metric over the seeds of what else is the same, with its interval."""
    groups: dict[tuple[tuple[str, str], ...], list[_Point]] = {}
    for point, values in zip(points, varying([point.config for point in points]), strict=True):
        if _SEED in values and _status(point) == "finished":
            others = ((path, value_text(value)) for path, value in values.items() if path != _SEED)
            groups.setdefault(tuple(others), []).append(point)
    if not any(len(group) > 1 for group in groups.values()):
        return None
    paths = list(dict.fromkeys(path for key in groups for path, _ in key))
    rows = [
        (*(dict(key).get(path, "") for path in paths), len(group), *_means(group, metrics))
        for key, group in groups.items()
    ]
    caption = "Mean over the seeds that finished, with its 95 % interval (t); of two seeds their values, for two tell no interval."
    return table((*paths, "seeds", *metrics), rows, caption)


def _means(group: Sequence[_Point], metrics: Sequence[str]) -> list[str]:
    found = []
    for name in metrics:
        known = [value for point in group if (value := point.metric(name)) is not None]
        values = [value for value in known if math.isfinite(value)]
        if not values or len(values) < len(group):
            found.append(figures.cell(None))
            continue
        if len(values) < ENOUGH_SEEDS:
            found.append(" and ".join(figures.column(values)))
            continue
        interval = mean_interval(values)
        found.append(_with_spread(interval.estimate, interval.half_width))
    return found


def _with_spread(value: float, half: float | None) -> str:
    """Return a mean with half of its interval, both to the second digit of that half."""
    if half is None or not 1e-4 < half < 1e7:
        spread = "" if half is None else f" \u00b1 {figures.number(half)}"
        return f"{figures.number(value)}{spread}"
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{value:.{decimals}f} \u00b1 {half:.{decimals}f}".replace("-", "\u2212")
