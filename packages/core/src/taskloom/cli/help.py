"""Help as data, printed as plain text or, on a terminal, with rich.

Typer's own renderer knows no columns for type, default and unit, swallows a unit written `[s]` as markup, and costs 200 ms.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_GLUED = re.compile(r"([<>]=?) ")
_LEAST_WIDTH = 30
"""Columns below which a sentence goes under its option rather than beside it."""

_FRAME = 10
"""Columns that the frame of a drawn table and the gaps in it take."""
_DRAWN = 40
"""Columns beside the names below which nothing is drawn: rich would cut sentences to a column of dots."""


@dataclass(frozen=True, slots=True)
class Row:
    """One option or command.

    Attributes:
        name: What is typed.
        type: Its type.
        default: Its default with its unit.
        help: Its sentence.
        bounds: Its limits.
    """

    name: str
    type: str = ""
    default: str = ""
    help: str = ""
    bounds: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows under a title."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Help:
    """The help of one command."""

    usage: str
    summary: str
    panels: Sequence[Panel]
    footer: str = ""


def show(text: Help) -> str:
    """Return the help as text, drawn with rich when stdout is a terminal."""
    return _drawn(text) if on_terminal() and _room(text) >= _DRAWN else plain(text)


def _room(text: Help) -> int:
    """Return the columns that the names of a drawn help leave to types, defaults and sentences."""
    longest = max((len(row.name) for panel in text.panels for row in panel.rows), default=0)
    return shutil.get_terminal_size().columns - longest - _FRAME


def on_terminal() -> bool:
    """Return whether stdout is a terminal that can draw."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def plain(text: Help, width: int = 0) -> str:
    """Return the help as plain text.

    Args:
        text: The help.
        width: Columns; those of the terminal, at most 110, if 0.
    """
    width = max(width or min(shutil.get_terminal_size((100, 24)).columns, 110), _LEAST_WIDTH)
    lines = [*_wrapped(f"Usage: {text.usage}", width), "", *textwrap.wrap(text.summary, width)]
    columns = [
        max((len(getattr(row, name)) for panel in text.panels for row in panel.rows), default=0)
        for name in ("name", "type", "default")
    ]
    for panel in text.panels:
        if panel.rows:
            lines += ["", *_wrapped(f"{panel.title}:", width)]
            lines += [line for row in panel.rows for line in _plain_row(row, columns, width)]
    if text.footer:
        lines += ["", *textwrap.wrap(text.footer, width)]
    return "\n".join(lines) + "\n"


def _wrapped(line: str, width: int) -> list[str]:
    """Return a line broken between words, what follows indented by two; a word that is longer stays whole."""
    return textwrap.wrap(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _plain_row(row: Row, columns: Sequence[int], width: int) -> list[str]:
    """Align the columns, with the widest cells of long rows spilling rather than pushing everything right."""
    limits = [min(size, most) for size, most in zip(columns, (34, 16, 18), strict=True)]
    cells = [
        cell if len(cell) > size else f"{cell:<{size}}"
        for cell, size in zip((row.name, row.type, row.default), limits, strict=True)
        if size
    ]
    head = "  " + "  ".join(cells)
    indent = 4 + sum(size + 2 for size in limits if size) - 2
    sentence = f"{row.help}  ({row.bounds})" if row.help and row.bounds else row.help or row.bounds
    sentence = _GLUED.sub("\\1\u00a0", sentence)  # a line does not end between `<=` and its number
    narrow = width - indent < _LEAST_WIDTH
    indent = 6 if narrow else indent
    lines = textwrap.wrap(sentence, max(width - indent, _LEAST_WIDTH)) or [""]
    wrapped = [line.replace("\u00a0", " ") for line in lines]
    if narrow and len(head.rstrip()) > width:
        details = textwrap.wrap(
            f"{row.type}  {row.default}".strip(),
            width - 4,
            break_long_words=False,
            break_on_hyphens=False,
        )
        told = [*("    " + line for line in details), *(" " * indent + line for line in wrapped)]
        return [f"  {row.name}", *(line for line in told if line.strip())]
    if narrow or len(head) > indent - 2:
        return [head.rstrip(), *(" " * indent + line for line in wrapped if line)]
    first = f"{head:<{indent}}{wrapped[0]}".rstrip()
    return [first, *(" " * indent + line for line in wrapped[1:])]


def _drawn(text: Help) -> str:
    """Draw with rich; every cell is a `Text`, so that nothing in it is read as markup."""
    from rich.console import Console
    from rich.panel import Panel as Box
    from rich.table import Table
    from rich.text import Text

    console, room = Console(highlight=False), _room(text)
    with console.capture() as capture:
        console.print(Text.assemble(("Usage: ", "bold"), text.usage))
        console.print(Text(f"\n{text.summary}\n"))
        for panel in text.panels:
            table = Table.grid(padding=(0, 2), expand=True)
            filled = [
                name
                for name in ("type", "default")
                if any(getattr(row, name) for row in panel.rows)
            ]
            table.add_column(style="cyan", no_wrap=True)
            for name in filled:
                most = (16 if name == "type" else 18) if room >= 2 * _DRAWN else 10
                style = "yellow" if name == "type" else "dim"
                table.add_column(style=style, overflow="fold", max_width=most)
            table.add_column(ratio=1, min_width=20)
            for row in panel.rows:
                cells = [Text(getattr(row, name)) for name in filled]
                sentence = Text(row.help)
                if row.bounds:
                    sentence.append(f"  ({row.bounds})", "dim")
                table.add_row(Text(row.name), *cells, sentence)
            if panel.rows:
                console.print(
                    Box(table, title=Text(panel.title), title_align="left", border_style="dim")
                )
        if text.footer:
            console.print(Text(f"\n{text.footer}", "dim"))
    return capture.get()
