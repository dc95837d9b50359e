"""The table of `tasks runs ls` on a terminal, by its width: which columns there is room for, and where a cell is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskloom.lifecycle.bar import cell_width
from taskloom.plain import escaped

NARROWEST = 40
_GAP = 2
_LEAST = 12
"""Width of a column of sentences below which the next one goes."""
_HEADS = ("run", "verdict", "headline", "task", "name", "age")
_FLEXIBLE = ("headline", "name")
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def table_lines(rows: Sequence[Mapping[str, Any]], width: int, now: float) -> list[str]:
    """Return the lines of a table no wider than a terminal: run, verdict, headline, task, name, age, as many as fit.

    Args:
        rows: Rows of runs.
        width: Columns of the terminal.
        now: Time of now [s since 1970].
    """
    cells = [_cells(row, now) for row in rows]
    names = [name for name in _HEADS if name not in ("name",) or any(row["name"] for row in cells)]
    if width <= NARROWEST:
        names = ["run", "verdict", "headline"]
    wide = {
        name: max([cell_width(name), *(cell_width(row[name]) for row in cells)]) for name in names
    }
    if sum(wide.values()) + _GAP * (len(names) - 1) > width:
        for row in cells:
            row["run"] = row["short"]
        wide["run"] = max([3, *(cell_width(row["run"]) for row in cells)])
    while len(names) > 1 and _least(names, wide) > width:
        names.pop()
    room = width - _least(names, wide)
    taken = {}
    for name in names:
        least = min(wide[name], _LEAST) if name in _FLEXIBLE else wide[name]
        more = min(wide[name] - least, max(room, 0))
        taken[name], room = least + more, room - more
    if len(names) == 1:
        taken[names[0]] = min(wide[names[0]], width)
    listed = [dict(zip(names, names, strict=True)), *cells]
    return [_line([(cut(row[name], taken[name]), taken[name]) for name in names]) for row in listed]


def cut(text: str, width: int) -> str:
    """Return a text that fits a width: whole, or up to the end of a word with one ellipsis.

    Example:
        >>> cut("3.376 rounds per episode", 15), cut("short", 15), cut("unbreakable", 5)
        ('3.376 rounds\u2026', 'short', 'unbr\u2026')
    """
    if cell_width(text) <= width:
        return text
    kept = text
    while kept and cell_width(kept) > width - 1:
        kept = kept[:-1]
    words = kept.rpartition(" ")[0] if text[len(kept) : len(kept) + 1] != " " else kept
    return f"{(words or kept).rstrip()}\u2026" if width > 0 else ""


def age_text(seconds: float) -> str:
    """Return an age in its largest unit.

    Example:
        >>> age_text(5), age_text(7_300), age_text(200_000)
        ('5 s', '2 h', '2 d')
    """
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "now"


def _least(names: Sequence[str], wide: Mapping[str, int]) -> int:
    total = sum(min(wide[name], _LEAST) if name in _FLEXIBLE else wide[name] for name in names)
    return total + _GAP * (len(names) - 1)


def _cells(row: Mapping[str, Any], now: float) -> dict[str, str]:
    status = str(row["status"])
    said = str(row.get("verdict", "")) if status == "finished" else ""
    told = {
        "run": str(row["id"]),
        "short": str(row["id"]).rpartition("-")[2],
        "verdict": said or status,
        "headline": str(row.get("headline", "")) or str(row["summary"]),
        "task": f"{row['domain']}/{row['task']}",
        "name": str(row["name"]),
        "age": age_text(now - _seconds(str(row["created"]))),
    }
    return {name: escaped(text) for name, text in told.items()}


def _seconds(moment: str) -> float:
    """Return a recorded time in seconds since 1970; of one that cannot be read, as if it were now."""
    from datetime import datetime  # only a terminal pays for it

    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return float("inf")


def _line(cells: Sequence[tuple[str, int]]) -> str:
    parts = [text + " " * (width - cell_width(text)) for text, width in cells]
    return (" " * _GAP).join(parts).rstrip()
