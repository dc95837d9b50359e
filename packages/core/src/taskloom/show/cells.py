"""HTML for the output of a cell. All text is escaped, and nothing here raises: what cannot be shown says so."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from taskloom.digits import digits

MOST_ROWS = 50
LARGEST = 200_000  # [bytes] of a drawing
_TABLE = 'style="border-collapse:collapse"'
_NAME = 'style="text-align:left;padding:2px 14px 2px 0"'
_NUMBER = 'style="text-align:right;padding:2px 14px 2px 0"'


def guarded(make: Callable[[], str], what: object) -> str:
    """Return what a function makes, or a sentence on why it cannot be shown."""
    try:
        return make()
    except Exception as error:  # a cell must show something whatever a folder holds
        message = getattr(error, "message", f"{type(error).__name__}: {error}")
        return f"<pre>{html.escape(repr(what))} cannot be shown: {html.escape(message)}</pre>"


def table_html(rows: Iterable[Mapping[str, Any]], caption: str = "") -> str:
    """Return a table of rows by column; at most the first 50 are shown.

    Args:
        rows: The rows; a column that a row lacks is empty there.
        caption: What stands above it.
    """
    listed = list(rows)
    columns = list(dict.fromkeys(name for row in listed for name in row))
    shown = [[row.get(name, "") for name in columns] for row in listed[:MOST_ROWS]]
    more = len(listed) - len(shown)
    rest = f"<div>and {more} more</div>" if more > 0 else ""
    return f"{line_of(caption)}{table_of(columns, shown)}{rest}"


def drawing_html(svg: str, caption: str = "") -> str:
    """Return a drawing for a cell, with the colours that a page would define; a large one is left out, and that is said."""
    if len(svg.encode()) > LARGEST:
        told = f"The drawing is larger than {LARGEST // 1000} kB; the report of the run shows it."
        return f"<div>{html.escape(caption)} {told}</div>"
    return f'<figure style="margin:0;{_colors()}">{svg}{line_of(caption)}</figure>'


def table_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; numbers stand at the right."""
    head = "".join(f"<th {_NAME}>{html.escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table {_TABLE}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"<td {_NUMBER if is_number else _NAME}>{html.escape(shown_of(value))}</td>"


def shown_of(value: object) -> str:
    """Return a value as a cell shows it: four digits of a float."""
    return digits(value, 4) if isinstance(value, float) else str(value)


def line_of(text: str) -> str:
    """Return a line of text; nothing for an empty one."""
    return f"<div>{html.escape(text)}</div>" if text else ""


def _colors() -> str:
    # Those of a light page; a cell has no style sheet that would know the night.
    colors = ("#0068b3", "#c45500", "#00805e", "#a3457f", "#8a6d00", "#3a7ca5", "#7a4fbf")
    named = {f"--c{number}": color for number, color in enumerate((*colors, "#5f6b76"), 1)}
    named |= {"--ink": "#1c2329", "--ink-2": "#4c5863", "--grid": "#e4e8eb"}
    return ";".join(f"{name}:{color}" for name, color in named.items())
