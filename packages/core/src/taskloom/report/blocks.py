"""Report blocks to HTML elements."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path

import htpy as h
from markupsafe import Markup

from taskloom.records.files import kind_of, name_below, read_bytes, stat_file
from taskloom.report import figures, interactive, markup
from taskloom.report.leaving import figure_links, table_links
from taskloom.report.model import Block, Chart, Heading, Html, Image, Table, Text
from taskloom.report.render import ChartError, svg_of

ROW_LIMIT = 200
"""Rows of a table that are shown; the rest is counted."""
IMAGE_LIMIT = 4_000_000
"""Size of the largest picture that is embedded [bytes]."""
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


def render_blocks(blocks: Iterable[Block], root: Path) -> list[h.Node]:
    """Return blocks as elements; charts and pictures that follow each other share a grid.

    Args:
        blocks: What the section contains.
        root: The run's folder; pictures outside of it are refused.
    """
    nodes: list[h.Node] = []
    row: list[h.Node] = []
    for block in blocks:
        if isinstance(block, Chart | Image):
            row.append(render_block(block, root))
            continue
        nodes += _grid(row)
        row = []
        nodes.append(render_block(block, root))
    return nodes + _grid(row)


def render_block(block: Block, root: Path) -> h.Node:
    """Return one block as an element; one that cannot be shown becomes a note that says why."""
    try:
        return _rendered(block, root)
    except Exception as error:  # a plugin's block (a row that is too short, a path that is none) must not take the page away
        kind = type(block).__name__.lower()
        return note(f"One {kind} is left out: {type(error).__name__}: {error}.")


def _rendered(block: Block, root: Path) -> h.Node:  # noqa: PLR0911 -- one return a kind
    match block:
        case Heading(text):
            return h.h3[text]
        case Text():
            return paragraphs(block.text)
        case Table():
            return table(block.columns, block.rows, block.caption)
        case Chart():
            return chart(block)
        case Image():
            return image(block, root)
        case Html():
            problem = markup.problem_of(block.html)
            if problem:
                return note(f"A fragment of the domain is left out: {problem}.")
            fragment = Markup(block.html)
            return h.figure(".wide")[h.div[fragment], block.caption and h.figcaption[block.caption]]
    return note(f"A block of type {type(block).__name__} is left out: reports do not know it.")


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str = "",
    *,
    row_heads: bool = False,
) -> h.Node:
    """Return a table that scrolls sideways when it is wide; rows over the limit are counted, not shown."""
    shown = rows[:ROW_LIMIT]
    numeric = [
        all(isinstance(row[index], int | float | None) for row in shown) and len(shown) > 0
        for index in range(len(columns))
    ]
    head = h.tr[
        # A column of names needs no title, and an empty heading would be read out as one.
        (
            h.th(scope="col", class_={"n": numeric[i]})[name] if name else h.td
            for i, name in enumerate(columns)
        )
    ]
    texts = [figures.column([row[index] for row in shown]) for index in range(len(columns))]

    def body_cell(line: int, index: int) -> h.Element:
        if row_heads and index == 0:
            return h.th(scope="row")[texts[index][line]]
        return h.td(class_={"n": numeric[index]})[texts[index][line]]

    body = (
        h.tr[(body_cell(line, index) for index in range(len(columns)))]
        for line in range(len(shown))
    )
    rest = len(rows) - len(shown)
    return [
        h.div(".scroll", tabindex="0", role="group", aria_label=caption or ", ".join(columns))[
            h.table[caption and h.caption[caption], h.thead[head], h.tbody[body]]
        ],
        rest > 0 and h.p(".more")[f"{rest:,} more rows are not shown."],
        table_links(caption or ", ".join(filter(None, columns)), columns, _cells(columns, rows)),
    ]


def _cells(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Return every cell as text, those of rows that are not shown as well."""
    found = [figures.column([row[index] for row in rows]) for index in range(len(columns))]
    return [[column[line] for column in found] for line in range(len(rows))]


def chart(block: Chart) -> h.Node:
    """Return a chart as a figure."""
    title = block.spec.get("title")
    label = block.caption or (title if isinstance(title, str) else "") or "Chart"
    try:
        drawn = svg_of(block.spec, label)
        drawing: h.Node = [drawn, interactive.spec_of(block.spec)]
        links = figure_links(title if isinstance(title, str) else label, block.spec, drawn)
    except ChartError as error:
        drawing, links = note(f"This chart cannot be drawn: {error}."), None
    return h.figure[drawing, block.caption and h.figcaption[block.caption], links]


def image(block: Image, root: Path) -> h.Node:
    """Return a picture as a figure, embedded into the page."""
    kind = _TYPES.get(block.path.suffix.lower())
    name = name_below(block.path, root)
    found = stat_file(root, name) if name else None
    problem = ""
    if not name or kind_of(root, name) == "other":
        problem = "it is outside the run's folder"
    elif kind is None:
        problem = "only PNG, JPEG, GIF, SVG and WebP are shown"
    elif found is None:
        problem = "there is no such file"
    elif found.st_size > IMAGE_LIMIT:
        problem = f"it is larger than {figures.size(IMAGE_LIMIT)}"
    if problem:
        return note(f"The picture '{block.path.name}' is left out: {problem}.")
    data = base64.b64encode(read_bytes(root, name, IMAGE_LIMIT)).decode()
    width = {"width": str(block.width)} if block.width > 0 else {}
    return h.figure[
        h.img(src=f"data:{kind};base64,{data}", alt=block.caption, **width),
        h.figcaption[block.caption],
    ]


def fragment(block: Html) -> h.Node:
    """Return a domain's own HTML, if it keeps to the rules."""
    problem = markup.problem_of(block.html)
    if problem:
        return note(f"A fragment of the domain is left out: {problem}.")
    trusted = Markup(block.html)
    return h.figure(".wide")[h.div[trusted], block.caption and h.figcaption[block.caption]]


def paragraphs(text: str) -> h.Node:
    """Return text as paragraphs, parted at empty lines."""
    return [h.p[paragraph] for paragraph in text.split("\n\n") if paragraph.strip()]


def band(verdict: str, said: str, kind: str = "even") -> h.Element:
    """Return the band at the top of a page: a verdict in words, and its sentence.

    Args:
        verdict: Two or three words.
        said: The sentence.
        kind: `good`, `bad`, `even` or `none`; it chooses the colour, which says nothing by itself.
    """
    return h.div(class_=["band", kind])[h.p(".verdict")[verdict], h.p(".said")[said]]


def note(text: str) -> h.Element:
    """Return a remark of core's own inside a report."""
    return h.p(".note")[text]


def _grid(row: list[h.Node]) -> list[h.Node]:
    return [h.div(".grid")[row]] if row else []
