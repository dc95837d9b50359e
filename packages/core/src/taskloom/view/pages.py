"""The pages of the viewer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import htpy as h

from taskloom.errors import UsageError
from taskloom.records.checks import decode_number
from taskloom.records.folders import Damaged
from taskloom.records.names import is_id
from taskloom.report import figures
from taskloom.report.blocks import table
from taskloom.report.compare import comparison_page
from taskloom.report.page import page
from taskloom.report.run_page import run_page
from taskloom.runs.choice import choose
from taskloom.runs.index import page as page_of
from taskloom.runs.query import EXAMPLE, value_at
from taskloom.runs.rows import with_status
from taskloom.runs.run import Run
from taskloom.view.sweeps import SCRIPT, address

ROWS = 100
"""Runs in one page of the table."""
_COLUMNS = (
    ("task", "task"),
    ("status", "status"),
    ("name", "name"),
    ("created", "created"),
    ("duration", "duration"),
    ("summary", "summary"),
)


def runs_page(store: Path, query: Mapping[str, str]) -> str:
    """Return the table of runs.

    Args:
        store: The run store.
        query: `where`, a filter; `sort`, a field with `-` before it to fall; `page`, from 1; `metric`, a metric to show.
    """
    where, order, metric = (query.get(name, "") for name in ("where", "sort", "metric"))
    number = max(1, _whole(query.get("page", "")))
    problem = ""
    try:
        shown, matching, total, damaged = _selected(store, where, order, number)
    except UsageError as error:
        problem = error.message
        shown, matching, total, damaged = _selected(store, "", "", number)
    last = max(1, math.ceil(matching / ROWS))
    body: h.Node = [
        _filter_form(where, order, metric, problem),
        _table(shown, query, metric) if shown else h.p["No runs."],
        _pager(query, min(number, last), last),
        _damaged_table(damaged),
    ]
    count = f"{matching:,} of {total:,} runs" if where else f"{total:,} runs"
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 viewer"],
        h.h1["Runs"],
        h.p(".lede")[f"{count} in {store}. ", h.a(href="/sweeps/")["Sweeps"]],
    ]
    return page("Runs", header, [("Store", body)], policy="", script=SCRIPT, wide=True)


def _selected(
    store: Path, where: str, order: str, number: int
) -> tuple[list[dict[str, Any]], int, int, list[Damaged]]:
    """Return the rows of one page, how many match and how many there are, and the damaged folders.

    Only the rows of the page are decoded. A page behind the last one is the last one.

    Raises:
        UsageError: The filter or the field to sort by cannot be understood.
    """
    if not where and not order:
        rows, total, damaged = page_of(store, ROWS, (number - 1) * ROWS)
        if total and not rows:
            rows, total, damaged = page_of(store, ROWS, (total - 1) // ROWS * ROWS)
        return [with_status(store, row) for row in rows], total, total, damaged

    def part(matching: int) -> slice:
        first = (min(number, max(1, math.ceil(matching / ROWS))) - 1) * ROWS
        return slice(first, first + ROWS)

    chosen = choose(store, [where] if where else [], order, part)
    return chosen.rows, chosen.matching, chosen.total, chosen.damaged


def _damaged_table(damaged: Sequence[Damaged]) -> h.Node:
    """Return the folders that have no record, with the reasons; a filter does not ask about them."""
    if not damaged:
        return None
    rows = [(item.folder, item.reason) for item in damaged]
    return [
        h.h3["Damaged"],
        table(("folder", "what is wrong"), rows, row_heads=True),
    ]


def live_page(run: Run) -> str:
    """Return the page of a run, which renews itself while the run is running."""
    title, header, sections, folds = run_page(run)
    live = h.div(
        "#live", data_live="1" if run.status in ("created", "running", "running?") else "0"
    )[h.p(".kicker.back")[h.a(href="/")["\u2190 All runs"]], header]
    return page(title, live, sections, folds=folds, policy="", script=SCRIPT)


def compare_page(runs: Sequence[Run]) -> str:
    """Return the comparison of runs."""
    title, header, sections, folds = comparison_page(runs)
    top = [h.p(".kicker.back")[h.a(href="/")["\u2190 All runs"]], header]
    return page(title, top, sections, folds=folds, policy="", script=SCRIPT)


def problem_page(status: int, message: str) -> str:
    """Return a page that says what went wrong."""
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 viewer"], h.h1[str(status)], h.p(".lede")[message]
    ]
    return page(
        str(status),
        header,
        [("Back", h.p[h.a(href="/")["All runs"]])],
        policy="",
        script=SCRIPT,
    )


def _filter_form(where: str, order: str, metric: str, problem: str) -> h.Node:
    return h.form(".filter", method="get", action="/", role="search")[
        h.label[
            "Filter",
            h.input(
                name="where",
                value=where,
                placeholder=EXAMPLE,
                aria_invalid="true" if problem else "false",
            ),
        ],
        h.label["Metric", h.input(name="metric", value=metric, placeholder="auroc")],
        order and h.input(type="hidden", name="sort", value=order),
        h.button["Show"],
        problem and h.p(".failure", role="alert")[problem],
    ]


def _table(rows: Sequence[Mapping[str, Any]], query: Mapping[str, str], metric: str) -> h.Node:
    columns = [*_COLUMNS, *([(f"metrics.{metric}", metric)] if metric else [])]
    head = [
        h.th(scope="col")[h.span(".hidden")["Compare"]],
        h.th(scope="col", aria_sort=_direction(query, "id"))[_sorter(query, "id", "run")],
        (
            h.th(scope="col", aria_sort=_direction(query, path))[_sorter(query, path, name)]
            for path, name in columns
        ),
    ]
    body = (h.tr[_cells(record, columns, query)] for record in rows)
    return h.form(method="get", action="/compare")[
        h.div(".scroll", tabindex="0", role="region", aria_label="Runs")[
            h.table(".runs")[h.thead[h.tr[head]], h.tbody[body]]
        ],
        h.button["Compare the ticked runs"],
    ]


def _cells(
    record: Mapping[str, Any],
    columns: Sequence[tuple[str, str]],
    query: Mapping[str, str],
) -> list[h.Node]:
    folder, status = record["folder"], record["status"]
    shown: dict[str, h.Node] = {
        "task": f"{record['domain']} {record['task']}",
        "status": h.span(class_=["badge", status])[status],
        "name": [record["name"], _sweep_link(record, query)],
        "created": record["created"][:19].replace("T", " "),
        "duration": figures.duration(record["duration"]),
        "summary": record["summary"],
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
    found = value_at(record, path)
    number = decode_number(found)
    return figures.cell(found if number is None else number)


def _sweep_link(record: Mapping[str, Any], query: Mapping[str, str]) -> h.Node:
    """Return a link to the page of a run's sweep; to its runs, where the name is none of a sweep's folder."""
    sweep = record["sweep"]
    place = address(sweep) if is_id(sweep) else _address(query, where=f"sweep = '{sweep}'")
    return sweep and [" ", h.a(href=place)["sweep"]]


def _sorter(query: Mapping[str, str], path: str, name: str) -> h.Element:
    falling = query.get("sort") == f"-{path}"
    return h.a(href=_address(query, sort=path if falling else f"-{path}"))[name]


def _direction(query: Mapping[str, str], path: str) -> str:
    return {path: "ascending", f"-{path}": "descending"}.get(query.get("sort", ""), "none")


def _pager(query: Mapping[str, str], number: int, last: int) -> h.Node:
    if last == 1:
        return None
    return h.p(".pager")[
        number > 1 and h.a(href=_address(query, page=str(number - 1)), rel="prev")["Newer"],
        f" Page {number} of {last} ",
        number < last and h.a(href=_address(query, page=str(number + 1)), rel="next")["Older"],
    ]


def _address(query: Mapping[str, str], **changes: str) -> str:
    kept = {name: query[name] for name in ("where", "sort", "metric") if query.get(name)}
    return f"/?{urlencode({**kept, **changes})}"


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1
