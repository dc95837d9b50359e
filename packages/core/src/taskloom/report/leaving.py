"""Ways out of a page: figures as CSV and SVG, tables as CSV, LaTeX and Markdown, as links that hold the file themselves.

A page fetches nothing and runs no script, and still gives its data away: the address of such a link is the file.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import htpy as h
from markupsafe import Markup

from taskloom.latex import markdown, tabular
from taskloom.report.theme import LIGHT

LARGEST = 200_000
"""Size of a file that a page holds [bytes]; a larger one is left out."""
_PAPER = {
    **{f"var(--c{number})": color for number, color in enumerate(LIGHT, 1)},
    "var(--ink-2)": "#4c5863",
    "var(--ink)": "#1c2329",
    "var(--grid)": "#e4e8eb",
}
_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 40


def figure_links(name: str, spec: Mapping[str, Any], drawing: str) -> h.Node:
    """Return links to the data of a chart and to its drawing, with the colours of a light page.

    Args:
        name: What the chart shows.
        spec: Its spec.
        drawing: Its SVG.
    """
    data = csv_of(data_of(spec))
    return _links(name, [("CSV", "csv", "text/csv", data), ("SVG", "svg", "image/svg+xml", _on_paper(drawing))])  # fmt: skip


def table_links(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> h.Node:
    """Return links to a table as CSV, LaTeX and Markdown.

    Args:
        name: What the table shows.
        columns: Titles.
        rows: Cells, as they are shown.
    """
    plain = [[cell.replace("\u2212", "-") for cell in row] for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *plain])
    files = [
        ("CSV", "csv", "text/csv", text.getvalue()),
        ("LaTeX", "tex", "text/x-tex", tabular(columns, rows) + "\n"),
        ("Markdown", "md", "text/markdown", markdown(columns, plain) + "\n"),
    ]
    return _links(name, files)


def data_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a spec: its own, else those of its first layer that has any."""
    own = spec.get("data", {}).get("values")
    if isinstance(own, list) and own:
        return [row for row in own if isinstance(row, Mapping)]
    for part in ("layer", "hconcat", "vconcat"):
        for inner in spec.get(part, ()):
            if found := data_of(inner):
                return found
    return []


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; a column that a row lacks is empty there."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name if name.strip() else "series" for name in columns])
    writer.writerows([[row.get(name, "") for name in columns] for row in rows])
    return text.getvalue() if rows else ""


def _links(name: str, files: Sequence[tuple[str, str, str, str]]) -> h.Node:
    stem = _SLUG.sub("-", name.lower()).strip("-")[:_LONGEST_NAME].strip("-") or "data"
    kept = [file for file in files if file[3] and len(file[3]) <= LARGEST]
    if not kept:
        return None
    return h.p(".take")[[_link(stem, *file, of=name) for file in kept]]


def _link(stem: str, label: str, suffix: str, kind: str, content: str, *, of: str) -> h.Node:
    held = base64.b64encode(content.encode()).decode()
    address = Markup(f"data:{kind};base64,{held}")
    return h.a(download=f"{stem}.{suffix}", href=address, aria_label=f"{label}: {of}")[label]


def _on_paper(drawing: str) -> str:
    """Return a drawing that stands alone: the colours that the page would give it are written into it."""
    for name, color in _PAPER.items():
        drawing = drawing.replace(name, color)
    return drawing
