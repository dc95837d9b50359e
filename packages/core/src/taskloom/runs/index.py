"""An SQLite cache over the run folders. Deleting it loses nothing, and waiting for it is limited."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from taskloom.errors import StoreError
from taskloom.records.files import UNREADABLE, stat_file
from taskloom.records.folders import RECORD, Damaged, Seen, look, state_of
from taskloom.records.names import is_id
from taskloom.records.run_record import read_run, read_runs
from taskloom.runs.database import connect, remove, transaction
from taskloom.runs.leaves import COLUMNS, is_leaf, leaves_of, name_of, places_of, put
from taskloom.runs.record import RunRecord
from taskloom.runs.rows import decode_row, encode_row, row_of

_INSERT = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ROWS = "SELECT name, row FROM runs WHERE damage = ''"
_ROWS_ALONE = "SELECT name, row FROM runs WHERE +damage = ''"
"""The same sought by name: the plus keeps SQLite from walking the index of the damaged."""
_LEAVES = "SELECT name, value FROM leaves WHERE path = ?"
_NEWEST_FIRST = "ORDER BY created DESC, name DESC"
_COLUMNS = {"identity": ("identity",), "sweep": ("sweep",), "question": ("identity", "config_id")}
"""Columns for looking rows up; a question is answered by those of its identity and by those of the same command."""
_AGE = itemgetter(0, 1)
_MOST_PLACES = 20
_AT_ONCE = 500

Row = dict[str, Any]


class Index:
    """The cache of one store, brought up to date when it is opened.

    It holds rows of records that were found valid, and the reasons why others are not, with the modification time, size and
    inode of the `run.json` that was read. So folders that were copied, edited or removed behind its back are noticed, and no
    listing reads a record twice. `damaged` holds the folders whose record cannot be read, by name.

    Args:
        store: The store.

    Raises:
        sqlite3.Error: The cache cannot be used; read the folders instead.
        StoreError: The store itself cannot be read.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._connection = connect(store)
        self.damaged: list[Damaged] = []
        try:
            self._catch_up()
        except BaseException:
            self._connection.close()
            raise
        self.damaged.sort(key=lambda damaged: damaged.folder)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def count(self) -> int:
        """Return the number of runs."""
        counted = self._connection.execute("SELECT count(*) FROM runs WHERE damage = ''")
        return int(counted.fetchone()[0])

    def newest(self, limit: int = -1, offset: int = 0) -> list[Row]:
        """Return the newest rows, the newest first; -1 means all. The first `offset` are left out."""
        query = f"{_ROWS} {_NEWEST_FIRST} LIMIT ? OFFSET ?"
        return self._decoded(self._connection.execute(query, (limit, offset)))

    def having(self, column: str, value: str) -> list[Row]:
        """Return the rows of an identity, a sweep or a question, the newest first. No other row is decoded."""
        if column not in _COLUMNS:
            raise ValueError(f"no index by {column!r}")
        condition = " OR ".join(f"{name} = ?" for name in _COLUMNS[column])
        query = f"{_ROWS} AND ({condition}) {_NEWEST_FIRST}"
        values = (value,) * len(_COLUMNS[column])
        return self._decoded(self._connection.execute(query, values))

    def partly(self, fields: Iterable[str]) -> list[Row]:
        """Return every row with these fields alone, as filters and orders name them, the newest first."""
        places = places_of(fields)
        if len(places) > _MOST_PLACES or not all(map(is_leaf, places)):
            return self.newest()
        columns = [place[0] for place in places if place[0] in COLUMNS]
        asked = "".join(f", {COLUMNS[field]}" for field in columns)
        # One walk over the table, and the order made here: by an index each row would be sought by itself.
        query = f"SELECT created, name{asked} FROM runs WHERE +damage = ''"
        found = self._connection.execute(query).fetchall()
        found.sort(key=_AGE, reverse=True)
        heads = ("created", "folder", *columns)
        rows = [dict(zip(heads, values, strict=True)) for values in found]
        try:
            for place in places:
                if place[0] not in COLUMNS:
                    texts = dict(self._connection.execute(_LEAVES, (name_of(place),)))
                    put(rows, place, [texts.get(row["folder"]) for row in rows])
        except (TypeError, ValueError) as error:
            remove(self._store)  # an edited cache: its texts are no JSON
            raise sqlite3.DatabaseError(str(error)) from None
        return rows

    def named(self, names: Sequence[str]) -> list[Row]:
        """Return the rows of these folders, in their order; one that has gone meanwhile is left out."""
        found: dict[str, Row] = {}
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            query = f"{_ROWS_ALONE} AND name IN ({', '.join('?' * len(some))})"
            rows = self._decoded(self._connection.execute(query, some))
            found |= {row["folder"]: row for row in rows}
        return [found[name] for name in names if name in found]

    def _decoded(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        try:
            return [{**decode_row(row), "folder": name} for name, row in rows]
        except ValueError as error:
            remove(self._store)
            raise sqlite3.DatabaseError(str(error)) from None

    def _catch_up(self) -> None:
        query = "SELECT name, damage, mtime, size, inode FROM runs"
        known = {row[0]: row for row in self._connection.execute(query)}
        fresh: list[tuple[Any, ...]] = []
        for found in look(self._store):
            if isinstance(found, Damaged):
                self.damaged.append(found)
                continue
            kept = known.pop(found.folder, None)
            damage = "" if kept is None else kept[1]
            if kept is None or kept[2:] != found.state:
                record = read_run(self._store / found.folder)
                damage = record.reason if isinstance(record, Damaged) else ""
                # What may be readable in a minute, with the file as it is, is looked at again.
                if UNREADABLE in damage:
                    known[found.folder] = kept or ()
                else:
                    fresh.append(_row(found, record))
            if damage:
                self.damaged.append(Damaged(found.folder, str(damage)))
        if fresh or known:
            with transaction(self._connection):
                # A row whose folder is gone, or has no record any more, must not linger.
                for name in known:
                    _drop(self._connection, name)
                for values in fresh:
                    _put(self._connection, values)


def note(folder: Path) -> None:
    """Bring one run's row up to date after its record was written; a cache that is busy or broken is left alone."""
    with contextlib.suppress(sqlite3.Error, OSError, StoreError):
        found = stat_file(folder, RECORD)
        if found is None or not is_id(folder.name):
            return
        values = _row(Seen(folder.name, state_of(found)), read_run(folder))
        connection = connect(folder.parent)
        try:
            with transaction(connection):
                _put(connection, values)
        finally:
            connection.close()


def rebuild(store: Path) -> tuple[int, list[Damaged]]:
    """Throw the cache away and read every folder.

    Returns:
        The number of runs, and the folders whose record cannot be read.

    Raises:
        StoreError: The cache cannot be written.
    """
    remove(store)
    try:
        with Index(store) as index:
            return index.count(), index.damaged
    except sqlite3.Error as error:
        raise StoreError(f"Cannot write the index of {store}: {error}.") from error


def documents(store: Path) -> tuple[list[Row], list[Damaged]]:
    """Return the row of every run, the newest first, from the cache if it can be used and else from the folders."""
    try:
        with Index(store) as index:
            return index.newest(), index.damaged
    except sqlite3.Error:
        return read_folders(store)


def page(store: Path, limit: int, offset: int = 0) -> tuple[list[Row], int, list[Damaged]]:
    """Return some rows of the newest runs, how many runs there are, and the damaged folders. Other rows are not decoded.

    Args:
        store: The store.
        limit: How many rows; -1 means all.
        offset: How many of the newest to leave out.
    """
    try:
        with Index(store) as index:
            return index.newest(limit, offset), index.count(), index.damaged
    except sqlite3.Error:
        rows, damaged = read_folders(store)
        return rows[offset:][: limit if limit >= 0 else None], len(rows), damaged


def having(store: Path, column: str, values: Iterable[str]) -> list[Row]:
    """Return the rows of runs that have one of the values in a column, each value's newest first.

    Args:
        store: The store; one that does not exist holds no runs.
        column: `identity`, `sweep`, or `question`: the identity or the config as it was written.
        values: What is looked for, each once.
    """
    if not store.is_dir():
        return []
    try:
        with Index(store) as index:
            return [row for value in values for row in index.having(column, value)]
    except sqlite3.Error:
        wanted = set(values)
        return [
            row
            for row in read_folders(store)[0]
            if any(row[name] in wanted for name in _COLUMNS[column])
        ]


def read_folders(store: Path) -> tuple[list[Row], list[Damaged]]:
    """Return the row of every run, the newest first, from the folders alone."""
    records, damaged = read_runs(store)
    return [{**row_of(record), "folder": record.id} for record in reversed(records)], damaged


def _row(found: Seen, record: RunRecord | Damaged) -> tuple[Any, ...]:
    """Return the values of one row of the table."""
    if isinstance(record, Damaged):
        return (found.folder, *found.state, record.reason, *[""] * 8)
    facts = (record.created, record.domain, record.task, record.status)
    digests = (record.identity, record.sweep, record.config_id)
    return (found.folder, *found.state, "", *facts, *digests, encode_row(record))


def _put(connection: sqlite3.Connection, values: tuple[Any, ...]) -> None:
    """Write one row and its leaves in the place of those it had."""
    name, row = values[0], values[-1]
    _drop(connection, name)
    connection.execute(_INSERT, values)
    if row:
        leaves = [(path, name, text) for path, text in leaves_of(decode_row(row))]
        connection.executemany("INSERT OR REPLACE INTO leaves VALUES (?, ?, ?)", leaves)


def _drop(connection: sqlite3.Connection, name: str) -> None:
    """Remove one row and its leaves; they are found through the row, for the table of leaves is ordered by their paths."""
    known = connection.execute("SELECT row FROM runs WHERE name = ?", (name,)).fetchone()
    if known is None:
        return
    try:
        leaves = [(path, name) for path, _ in leaves_of(decode_row(known[0]))] if known[0] else []
        connection.executemany("DELETE FROM leaves WHERE path = ? AND name = ?", leaves)
    except ValueError:  # an edited cache
        connection.execute("DELETE FROM leaves WHERE name = ?", (name,))
    connection.execute("DELETE FROM runs WHERE name = ?", (name,))
