"""`tasks runs ls`: one line for each run, read from the store's index. Called before Typer is imported."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskloom.cli.output import one_line, print_json, print_table
from taskloom.cli.runs_table import table_lines
from taskloom.errors import UsageError
from taskloom.records.folders import Damaged
from taskloom.runs.choice import choose
from taskloom.runs.index import documents, page
from taskloom.runs.layout import default_store
from taskloom.runs.query import (
    Document,
    absent_fields,
    asks_for,
    parse_filter,
    sort_documents,
)
from taskloom.runs.rows import ROW, with_status

SHOWN = 50
"""Number of runs that are listed by default."""


@dataclass(slots=True)
class Selection:
    """Selection of runs for a listing, with order and columns.

    Attributes:
        where: Filters; a run has to satisfy all of them.
        sort: A field to sort by, falling if it begins with `-`; empty means by age, the newest last.
        limit: How many to list; 0 means all, None means `SHOWN`, or all as JSON.
        store: The store; None means the usual one.
        as_json: Print one JSON document.
        stale: Verify finished runs, and list those alone whose inputs, code or packages are not those of now.
    """

    where: list[str] = field(default_factory=list)
    sort: str = ""
    limit: int | None = None
    store: Path | None = None
    as_json: bool = False
    stale: bool = False

    @property
    def verifies(self) -> bool:
        """Return whether runs have to be verified: they are asked for, or a filter names them."""
        return self.stale or any(asks_for(text, "stale") for text in self.where)


def parse_words(words: list[str]) -> Selection | None:
    """Read the words after `runs ls`; None for a line that Typer should judge."""
    selection, rest = Selection(), list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--json" and not equals:
            selection.as_json = True
            continue
        if name == "--stale" and not equals:
            selection.stale = True
            continue
        if name not in _OPTIONS or not (equals or rest):
            return None
        if not _OPTIONS[name](selection, value if equals else rest.pop(0)):
            return None
    return selection


def print_runs(selection: Selection) -> None:
    """Print the runs that are selected.

    Raises:
        UsageError: A filter or a field cannot be understood.
    """
    store = default_store(selection.store)
    found, total, damaged = select(store, selection)
    # A filter asks about records, and these have none.
    listed = [] if selection.where else damaged
    if selection.as_json:
        rows = [_row(store, document) for document in found]
        rows += [{"folder": item.folder, "damaged": item.reason} for item in listed]
        told = {"corrupt": [_told(store, item) for item in damaged]} if damaged else {}
        print_json({"runs": rows, **told})
        return
    _print_table(found, listed)
    say = sys.stderr.write
    for item in damaged if selection.where else ():
        say(f"warning: {_told(store, item)}\n")
    if len(found) < total:
        say(f"note: {total - len(found)} more; --limit 0 lists all\n")
    if not found and selection.where:
        for path in _absent(store, selection):
            say(f"note: no run has {path}\n")
    if not total and not damaged:
        say(
            f"note: the store {store} holds no such run\n"
            if selection.where or selection.stale
            else f"note: the store {store} holds no runs\n"
        )


def select(store: Path, selection: Selection) -> tuple[list[Document], int, list[Damaged]]:
    """Return the selected rows, the best or newest last resort first removed, and how many there were before the limit.

    Last come the folders whose record cannot be read.
    """
    wanted = [parse_filter(text) for text in selection.where]
    limit = selection.limit if selection.limit is not None else 0 if selection.as_json else SHOWN
    if limit < 0:
        raise UsageError(f"--limit is {limit}; it must be 0 (all) or more.")
    if not wanted and not selection.sort and not selection.stale and limit:
        rows, total, damaged = page(store, limit)
        newest: list[Document] = [with_status(store, row) for row in reversed(rows)]
        return newest, total, damaged
    if not selection.verifies:
        chosen = choose(store, selection.where, selection.sort, lambda _: slice(limit or None))
        found: list[Document] = [*chosen.rows]
        return found if selection.sort else found[::-1], chosen.matching, chosen.damaged
    everything, damaged = documents(store)
    if selection.stale:
        wanted.append(lambda document: bool(document.get("stale")))
    told = [with_status(store, row) for row in _verified(store, everything)]
    kept: list[Document] = [row for row in told if all(test(row) for test in wanted)]
    total = len(kept)
    if selection.sort:
        kept = sort_documents(kept, selection.sort)
        return kept[: limit or None], total, damaged
    return kept[: limit or None][::-1], total, damaged


def _told(store: Path, item: Damaged) -> str:
    return one_line(f"{store / item.folder} is damaged: {item.reason}.")


def _verified(store: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the kinds of what is not as it was; no other listing pays for the import of pydantic."""
    from taskloom.identity.stale import with_staleness

    return with_staleness(store, rows)


def _absent(store: Path, selection: Selection) -> list[str]:
    everything = documents(store)[0]
    return [path for text in selection.where for path in absent_fields(text, everything)]


def _row(store: Path, document: Document) -> dict[str, Any]:
    return {
        **{name: document.get(name) for name in (*ROW, "stale") if name in document or name in ROW},
        "dir": str((store / document["folder"]).absolute()),
    }


def _print_table(found: list[Document], damaged: list[Damaged]) -> None:
    """Print the damaged folders first: the newest run is to stand last."""
    if not found and not damaged:
        return
    width = _width()
    if width is not None and not any("stale" in d for d in found):
        for item in damaged:
            sys.stdout.write(f"{one_line(f'{item.folder} damaged: {item.reason}')[:width]}\n")
        for line in table_lines(found, width, time.time()):
            sys.stdout.write(f"{line}\n")
        return
    empty = ("",) if any("stale" in d for d in found) else ()
    rows = [(item.folder, "", "damaged", "", *empty, item.reason) for item in damaged]
    rows += [
        (
            str(d["id"]),
            f"{d['domain']}/{d['task']}",
            str(d["status"]),
            str(d["name"]),
            *((", ".join(d["stale"]),) if "stale" in d else ()),
            str(d["summary"]),
        )
        for d in found
    ]
    verified = ("stale",) if any("stale" in d for d in found) else ()
    print_table(("run", "task", "status", "name", *verified, "summary"), rows)


def _width() -> int | None:
    """Return the columns of the terminal; None where stdout is none, and a reader gets whole cells."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def _set_where(selection: Selection, value: str) -> bool:
    selection.where.append(value)
    return True


def _set_sort(selection: Selection, value: str) -> bool:
    selection.sort = value
    return True


def _set_limit(selection: Selection, value: str) -> bool:
    if value.isdecimal() and value.isascii():
        selection.limit = int(value)
        return True
    return False


def _set_store(selection: Selection, value: str) -> bool:
    selection.store = Path(value) if value else None
    return True


def _set_equal(path: str) -> Any:  # noqa: ANN401 -- one of the setters above
    def add(selection: Selection, value: str) -> bool:
        selection.where.append(f"{path} = {quoted(value)}")
        return True

    return add


def quoted(value: str) -> str:
    """Return a value as a filter spells it."""
    mark = "'" if '"' in value else '"'
    return f"{mark}{value}{mark}"


_OPTIONS = {
    "--where": _set_where,
    "--sort": _set_sort,
    "--limit": _set_limit,
    "--store": _set_store,
    "--status": _set_equal("status"),
    "--tag": _set_equal("tags"),
}
