"""The samples of a run: fifty a page, filtered by group, sorted by a column, each with its picture if there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import htpy as h

from taskloom.errors import TaskloomError
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain
from taskloom.report import figures
from taskloom.report.blocks import render_blocks
from taskloom.report.page import page
from taskloom.report.samples import SampleTable
from taskloom.runs.run import Run
from taskloom.view.sweeps import SCRIPT

ROWS = 50
_MOST_GROUPS = 20


def has_samples(run: Run) -> bool:
    """Return whether the domain of a run shows single samples, and the run left any."""
    try:
        return bool(find_domain(run.domain).ref.samples) and bool(run.artifacts)
    except TaskloomError:
        return False


def samples_page(run: Run, query: Mapping[str, str]) -> str:
    """Return the page of a run's samples.

    Args:
        run: The run.
        query: `sort`, a column with `-` before it to fall; `set`, a group; `page`, from 1; `at`, the place of one to show.
    """
    found, problem = _samples(run)
    title = f"Samples of {run.id}"
    back = h.nav(".kicker.back", aria_label="Back")[
        h.a(href=f"/runs/{run.dir.name}/")["\u2190 The run"]
    ]
    if found is None or not len(found):
        said = problem or "This run left no samples to look at."
        return page(
            title, [back, h.header[h.h1[title]]], [("Samples", h.p[said])], policy="", script=SCRIPT
        )
    places = _chosen(found, query)
    number = _whole(query.get("page", ""), 1)
    last = max(1, math.ceil(len(places) / ROWS))
    number = min(max(number, 1), last)
    shown = places[(number - 1) * ROWS : number * ROWS]
    s = "s" * (len(places) != 1)
    header = h.header[
        h.p(".kicker")[f"{run.domain} {run.task} \u00b7 {run.id}"],
        h.h1[f"{len(places):,} {found.of}{s}"],
    ]
    body = [
        _groups(found, query),
        _one(found, query, run),
        _table(found, shown, query),
        _pager(query, number, last),
    ]
    return page(
        title,
        [back, header],
        [("Samples", body)],
        policy="",
        script=SCRIPT,
        wide=True,
        titled=False,
    )


def _samples(run: Run) -> tuple[SampleTable | None, str]:
    try:
        target = find_domain(run.domain).ref.samples
        if not target:
            return None, f"The domain {run.domain} shows no single samples."
        make: Any = load_target(target)
        return make(run), ""
    except TaskloomError as error:
        return None, error.message
    except Exception as error:  # a plugin's function must not take the page away
        return None, f"The samples cannot be shown: {type(error).__name__}: {error}."


def _chosen(found: SampleTable, query: Mapping[str, str]) -> list[int]:
    places = list(range(len(found)))
    group = query.get("set", "")
    if group and found.group:
        column = found.columns[found.group]
        places = [n for n in places if str(column[n]) == group]
    order = query.get("sort", "") or found.order
    name = order.removeprefix("-")
    if name in found.columns:
        values = found.columns[name]
        places.sort(key=lambda n: _key(values[n]), reverse=order.startswith("-"))
    return places


def _key(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, -math.inf if math.isnan(value) else float(value), "")
    return (1, 0.0, str(value))


def _groups(found: SampleTable, query: Mapping[str, str]) -> h.Node:
    if not found.group:
        return None
    names = list(dict.fromkeys(map(str, found.columns[found.group])))[:_MOST_GROUPS]
    links = [h.a(href=_address(query, set=name))[name] for name in names]
    return h.p(".pager")[
        "Only: ", [[link, " "] for link in links], h.a(href=_address(query, set=""))["all"]
    ]


def _one(found: SampleTable, query: Mapping[str, str], run: Run) -> h.Node:
    """Return the sample that is asked for, drawn."""
    at = query.get("at", "")
    if found.draw is None or not at.isdecimal() or _whole(at, len(found)) >= len(found):
        return None
    place = _whole(at, 0)
    try:
        blocks = list(found.draw(place))
    except Exception as error:  # a plugin's function must not take the page away
        return h.p(".note")[f"It cannot be drawn: {type(error).__name__}: {error}."]
    return [h.h3[f"{found.of} {place}"], render_blocks(blocks, run.dir)]


def _table(found: SampleTable, shown: list[int], query: Mapping[str, str]) -> h.Node:
    order = query.get("sort", "") or found.order
    # A column of the name of a sample is what its row begins with.
    others = [name for name in found.columns if name != found.of]
    texts = {
        name: figures.column([column[n] for n in shown]) for name, column in found.columns.items()
    }
    numeric = {
        name: all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in column
        )
        for name, column in found.columns.items()
    }

    def head(name: str) -> h.Node:
        towards = {name: "ascending", f"-{name}": "descending"}.get(order, "none")
        link = _address(query, sort=name if order == f"-{name}" else f"-{name}")
        is_number = numeric[name] and name != found.of
        return h.th(class_={"n": is_number}, scope="col", aria_sort=towards)[h.a(href=link)[name]]

    def first(line: int, place: int) -> h.Node:
        name = texts[found.of][line] if found.of in texts else str(place)
        if found.draw is None:
            return name
        return h.a(href=_address(query, at=str(place), page=query.get("page", "")))[name]

    body = [
        # A list: a generator would look at `line` when the page is written, and show the last one everywhere.
        h.tr[
            h.th(scope="row")[first(line, place)],
            [h.td(class_={"n": numeric[name]})[texts[name][line]] for name in others],
        ]
        for line, place in enumerate(shown)
    ]
    lead = head(found.of) if found.of in found.columns else h.th(scope="col")[found.of]
    return h.div(".scroll", tabindex="0", role="group", aria_label="Samples")[
        h.table(".runs")[h.thead[h.tr[lead, [head(name) for name in others]]], h.tbody[body]]
    ]


def _pager(query: Mapping[str, str], number: int, last: int) -> h.Node:
    if last == 1:
        return None
    return h.p(".pager")[
        number > 1 and h.a(href=_address(query, page=str(number - 1)), rel="prev")["Back"],
        f" Page {number} of {last} ",
        number < last and h.a(href=_address(query, page=str(number + 1)), rel="next")["Next"],
    ]


def _address(query: Mapping[str, str], **changes: str) -> str:
    kept = {name: query[name] for name in ("sort", "set") if query.get(name)}
    pairs = {name: value for name, value in {**kept, **changes}.items() if value}
    return f"?{urlencode(pairs)}" if pairs else "?"


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise
