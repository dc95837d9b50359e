"""Choice of runs by filters and an order: only the fields asked for are read of every row, and only what is shown is decoded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.records.folders import Damaged
from taskloom.runs.index import Index, read_folders
from taskloom.runs.query import Document, fields_in, parse_filter, sort_documents
from taskloom.runs.rows import with_status


@dataclass(frozen=True, slots=True)
class Chosen:
    """Runs that were chosen.

    Attributes:
        rows: The rows of the part that is shown, with the derived status.
        matching: How many runs satisfy the filters.
        total: How many runs there are.
        damaged: The folders whose record cannot be read; no filter asks about them.
    """

    rows: list[dict[str, Any]]
    matching: int
    total: int
    damaged: list[Damaged]


def choose(store: Path, filters: Sequence[str], order: str, part: Callable[[int], slice]) -> Chosen:
    """Return the runs that satisfy all filters, in an order; the newest first where there is none.

    Args:
        store: The store.
        filters: Filters, as `parse_filter` reads them.
        order: A field to sort by, falling if it begins with `-`; empty for none.
        part: Given how many match, the part of them to return.

    Raises:
        UsageError: A filter or the field to sort by cannot be understood.
    """
    tests = [parse_filter(text) for text in filters]
    fields = fields_in(filters, order)

    def kept(rows: Sequence[dict[str, Any]]) -> list[Document]:
        told = [with_status(store, row) for row in rows] if "status" in fields else rows
        found: list[Document] = [row for row in told if all(test(row) for test in tests)]
        return sort_documents(found, order) if order else found

    try:
        with Index(store) as index:
            chosen = kept(index.partly(fields))
            shown = index.named([row["folder"] for row in chosen[part(len(chosen))]])
            total, damaged = index.count(), index.damaged
    except sqlite3.Error:
        rows, damaged = read_folders(store)
        chosen, total = kept(rows), len(rows)
        whole = {row["folder"]: row for row in rows}
        shown = [whole[row["folder"]] for row in chosen[part(len(chosen))]]
    return Chosen([with_status(store, row) for row in shown], len(chosen), total, damaged)
