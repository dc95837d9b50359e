"""The table of runs: columns of the reader's choice, filter, order, groups and a chart, all kept in its address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import htpy as h
from markupsafe import Markup

from taskloom.errors import UsageError
from taskloom.records.checks import decode_number
from taskloom.records.folders import Damaged
from taskloom.records.names import is_id
from taskloom.registry.suggest import closest
from taskloom.report import figures
from taskloom.report.blocks import table
from taskloom.report.page import page
from taskloom.runs.choice import choose
from taskloom.runs.compare import spelled, varying
from taskloom.runs.index import page as page_of
from taskloom.runs.query import EXAMPLE, FIELDS, absent_fields
from taskloom.runs.rows import with_status
from taskloom.view.asked import PLAIN, Asked
from taskloom.view.groups import differing_words, grouped, groups_table
from taskloom.view.over_runs import field_at, lines_over_runs, over_runs
from taskloom.view.sweeps import SCRIPT, address

ROWS = 100
"""Runs in one page of the table."""
MOST_TOGETHER = 2000
"""Runs that are read for groups or for a chart."""
_DIFFERS = "differs"
"""Column of what the runs of each task differ in, where there are several tasks."""
_VARYING = 4
"""Parameters that have a column unasked: those that differ between the runs of one task."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Runs that are asked for."""

    rows: list[dict[str, Any]]
    matching: int
    total: int
    damaged: list[Damaged]


def runs_page(store: Path, asked: Asked) -> str:
    """Return the table of runs.

    Args:
        store: The run store.
        asked: The view that the address asks for.
    """
    problems: list[str] = []
    together = bool(asked.group or (asked.x and asked.y) or len(asked.axes) > 1)
    try:
        found = _selected(store, asked, MOST_TOGETHER if together else ROWS)
    except UsageError as error:
        problems.append(f"{error.message} {error.hint or ''}".strip())
        asked = Asked(
            page=asked.page, columns=asked.columns, group=asked.group, x=asked.x, y=asked.y
        )
        found = _selected(store, asked, MOST_TOGETHER if together else ROWS)
    if asked.where and not found.matching:
        problems += _absent(store, asked)
    problems += _unknown(found.rows, (*asked.columns, *asked.axes, asked.y))
    last = max(1, math.ceil(found.matching / ROWS))
    body: h.Node = [
        _form(asked, problems, found.rows),
        found.rows and _chart(store, found.rows, asked),
        _rows(found.rows, asked),
        together
        and found.matching > MOST_TOGETHER
        and h.p(".more")[
            f"The newest {MOST_TOGETHER:,} of {found.matching:,} runs are read; a filter chooses others."
        ],
        not asked.group and _pager(asked, min(asked.page, last), last),
        _damaged_table(found.damaged),
    ]
    count = (
        f"{found.matching:,} of {found.total:,} runs" if asked.where else f"{found.total:,} runs"
    )
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 viewer"],
        h.h1["Runs"],
        h.p(".lede")[f"{count} in {store}. ", h.a(href="/sweeps/")["Sweeps"]],
    ]
    return page(
        "Runs", header, [("Table of runs", body)], policy="", script=SCRIPT, wide=True, titled=False
    )


def _rows(rows: Sequence[Mapping[str, Any]], asked: Asked) -> h.Node:
    """Return the table: one row a group if groups are asked for, else one row a run."""
    if not rows:
        return h.p["No runs."]
    if asked.group:
        return groups_table(grouped(rows, asked.group), ROWS)
    return _table(rows[:ROWS], asked)


def _chart(store: Path, rows: Sequence[Mapping[str, Any]], asked: Asked) -> h.Node:
    """Return the chart that is asked for: one field over another, or several side by side."""
    if len(asked.axes) > 1:
        return lines_over_runs(store, rows, [*asked.axes, *([asked.y] if asked.y else [])])
    return over_runs(rows, asked.x, asked.y) if asked.x and asked.y else None


def _selected(store: Path, asked: Asked, size: int) -> _Found:
    """Return the rows of one page, how many match and how many there are, and the damaged folders.

    Only the rows of the page are decoded. A page behind the last one is the last one.

    Raises:
        UsageError: The filter or the field to sort by cannot be understood.
    """
    number = asked.page if size == ROWS else 1
    if not asked.where and not asked.sort:
        rows, total, damaged = page_of(store, size, (number - 1) * size)
        if total and not rows:
            rows, total, damaged = page_of(store, size, (total - 1) // size * size)
        return _Found([with_status(store, row) for row in rows], total, total, damaged)

    def part(matching: int) -> slice:
        first = (min(number, max(1, math.ceil(matching / size))) - 1) * size
        return slice(first, first + size)

    chosen = choose(store, [asked.where] if asked.where else [], asked.sort, part)
    return _Found(chosen.rows, chosen.matching, chosen.total, chosen.damaged)


def _absent(store: Path, asked: Asked) -> list[str]:
    """Return sentences about names in a filter that no run has, each with the nearest that runs have."""
    rows, _, _ = page_of(store, MOST_TOGETHER)
    return [_no_run_has(path, rows) for path in absent_fields(asked.where, rows)]


def _unknown(rows: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[str]:
    """Return sentences about columns that no run on the page has."""
    return [
        _no_run_has(path, rows)
        for path in paths
        if path and rows and path not in PLAIN and all(field_at(row, path) is None for row in rows)
    ]


def _no_run_has(path: str, rows: Sequence[Mapping[str, Any]]) -> str:
    known = [field for field in FIELDS if "." not in field]
    for row in rows[:ROWS]:
        known += [f"metrics.{name}" for name in row["metrics"]]
        known += [f"config.{name}" for name in spelled(row["config"])]
    near = closest(path, list(dict.fromkeys(known)))
    return f"No run here has {path}.{f' Did you mean {near}?' if near else ''}"


def _damaged_table(damaged: Sequence[Damaged]) -> h.Node:
    """Return the folders that have no record, with the reasons; a filter does not ask about them."""
    if not damaged:
        return None
    rows = [(item.folder, item.reason) for item in damaged]
    return [h.h3["Damaged"], table(("folder", "what is wrong"), rows, row_heads=True)]


def _form(asked: Asked, problems: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> h.Node:
    # Examples that find something here.
    metric = next((row["headline_metric"] for row in rows if row["headline_metric"]), "NAME")

    def field(label: str, name: str, value: str, placeholder: str, bad: bool = False) -> h.Element:
        invalid = "true" if bad else "false"
        return h.label[
            label, h.input(name=name, value=value, placeholder=placeholder, aria_invalid=invalid)
        ]

    groups = (("", "one row a run"), ("seed", "all but the seed"), ("sweep", "by sweep"))
    return h.form(".filter", method="get", action="/", role="search")[
        field("Filter", "where", asked.where, EXAMPLE, bool(problems)),
        field("Columns", "col", ", ".join(asked.columns), f"config.seed, metrics.{metric}"),
        h.label[
            "Group",
            h.select(name="group")[
                (
                    h.option(value=value, selected=value == asked.group)[words]
                    for value, words in groups
                )
            ],
        ],
        field("Chart: across", "x", asked.x, "config.seed"),
        field("Chart: up", "y", asked.y, f"metrics.{metric}"),
        h.input(type="hidden", name="sort", value=asked.sort) if asked.sort else None,
        h.button["Show"],
        [h.p(".failure", role="alert")[text] for text in problems],
    ]


def _is_one_task(rows: Sequence[Mapping[str, Any]]) -> bool:
    return len({(row["domain"], row["task"]) for row in rows}) == 1


def _columns(
    rows: Sequence[Mapping[str, Any]], asked: Asked, words: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return fields with their titles: those asked for, or the plain ones and what differs between runs of one task."""
    if asked.columns:
        return [(path, path) for path in asked.columns]
    chosen: dict[str, None] = {}
    if _is_one_task(rows):
        for values in varying([row["config"] for row in rows]):
            chosen |= dict.fromkeys(values)
    extra = [(f"config.{path}", path) for path in list(chosen)[:_VARYING]]
    extra += [(_DIFFERS, _DIFFERS)] if any(words.values()) else []
    # A column in which no run has anything says nothing.
    used = [name for name in PLAIN if name in ("task", "status") or any(_is_told(row, name) for row in rows)]  # fmt: skip
    first = [name for name in used if name in PLAIN[:3]]
    rest = used[len(first) :]
    return [*((name, name) for name in first), *extra, *((name, name) for name in rest)]


def _is_told(row: Mapping[str, Any], name: str) -> bool:
    if name == "summary":
        return bool(_summary(row))
    return bool(row[name]) or (name == "name" and bool(row["sweep"]))


def _summary(row: Mapping[str, Any]) -> str:
    """Return the sentence of a run for its row: figure and verdict have columns, so that it is left to runs without them."""
    return "" if row["headline"] else str(row["summary"])


def _table(rows: Sequence[Mapping[str, Any]], asked: Asked) -> h.Node:
    # Runs of one task have a column a parameter, those of several one for all of them.
    words = {} if asked.columns or _is_one_task(rows) else differing_words(rows)
    columns = _columns(rows, asked, words)
    head = [
        h.th(scope="col")[h.span(".hidden")["Compare"]],
        h.th(scope="col", aria_sort=_direction(asked, "id"))[_sorter(asked, "id", "run")],
        (
            h.th(scope="col", aria_sort=_direction(asked, path))[_sorter(asked, path, name)]
            for path, name in columns
        ),
    ]
    # Rendered here: as nodes of the page, each cell would pass through every element around the table.
    body = [Markup(h.tr[_cells(record, columns, asked, words)]) for record in rows]
    return h.form(method="get", action="/compare")[
        h.div(".scroll", tabindex="0", role="group", aria_label="Runs")[
            h.table(".runs")[h.thead[h.tr[head]], h.tbody[body]]
        ],
        h.button["Compare the ticked runs"],
    ]


def _cells(
    record: Mapping[str, Any],
    columns: Sequence[tuple[str, str]],
    asked: Asked,
    words: Mapping[str, str],
) -> list[h.Node]:
    folder, status = record["folder"], record["status"]
    shown: dict[str, h.Node] = {
        "task": f"{record['domain']} {record['task']}",
        "status": h.span(class_=["badge", status.partition("?")[0]])[status],
        "name": [record["name"], _sweep_link(record, asked)],
        _DIFFERS: words.get(folder, ""),
        "headline": record["headline"],
        "verdict": record["verdict"],
        "created": record["created"][:19].replace("T", " "),
        "duration": figures.duration(record["duration"]),
        "summary": record["summary"] if "summary" in asked.columns else _summary(record),
    }
    return [
        h.td[h.input(type="checkbox", name="run", value=folder, aria_label=f"Compare {folder}")],
        h.th(".path", scope="row")[
            h.a(href=f"/runs/{folder}/", title=folder)[folder.rpartition("-")[2]]
        ],
        (
            (h.td(".sentence") if path == "summary" else h.td)[
                shown[path] if path in shown else _value(record, path)
            ]
            for path, _ in columns
        ),
    ]


def _value(record: Mapping[str, Any], path: str) -> str:
    found = field_at(record, path)
    number = decode_number(found)
    return figures.cell(found if number is None else number)


def _sweep_link(record: Mapping[str, Any], asked: Asked) -> h.Node:
    """Return a link to the page of a run's sweep; to its runs, where the name is none of a sweep's folder."""
    sweep = record["sweep"]
    place = address(sweep) if is_id(sweep) else asked.address(where=f"sweep = '{sweep}'")
    return sweep and [" ", h.a(href=place)["sweep"]]


def _sorter(asked: Asked, path: str, name: str) -> h.Node:
    if path.partition(".")[0] not in {field.partition(".")[0] for field in FIELDS}:
        return name
    falling = asked.sort == f"-{path}"
    return h.a(href=asked.address(sort=path if falling else f"-{path}"))[name]


def _direction(asked: Asked, path: str) -> str:
    return {path: "ascending", f"-{path}": "descending"}.get(asked.sort, "none")


def _pager(asked: Asked, number: int, last: int) -> h.Node:
    if last == 1:
        return None
    return h.p(".pager")[
        number > 1 and h.a(href=asked.address(page=number - 1), rel="prev")["Newer"],
        f" Page {number} of {last} ",
        number < last and h.a(href=asked.address(page=number + 1), rel="next")["Older"],
    ]
