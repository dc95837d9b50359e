"""An SQLite cache over the run folders. Deleting it loses nothing, and waiting for it is limited."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError, StoreError
from taskloom.runs.layout import is_id
from taskloom.runs.writer import read_json

NAME = "index.sqlite"
_VERSION = 2
_PATIENCE = 2.0  # [s]
_SCHEMA = """
CREATE TABLE runs (
    name TEXT PRIMARY KEY, mtime INTEGER NOT NULL, size INTEGER NOT NULL, created TEXT, domain TEXT, task TEXT,
    status TEXT, identity TEXT, sweep TEXT, config_id TEXT, record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_created ON runs (created, name);
CREATE INDEX by_identity ON runs (identity);
CREATE INDEX by_sweep ON runs (sweep);
CREATE INDEX by_config ON runs (config_id);
"""
_INSERT = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = {"identity": ("identity",), "sweep": ("sweep",), "question": ("identity", "config_id")}
"""What records are looked up by; a question is answered by those of its identity and by those of the same command."""


class Index:
    """The cache of one store, brought up to date when it is opened.

    Every row remembers size and modification time of the `run.json` it was read from, so folders that were copied, edited or
    removed behind its back are noticed. `broken` holds an error for each folder whose record cannot be read.

    Args:
        store: The store.

    Raises:
        sqlite3.Error: The cache cannot be used; read the folders instead.
        StoreError: The store itself cannot be read.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._connection = _connect(store)
        self.broken: list[RunCorruptError] = []
        try:
            self._catch_up()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def count(self) -> int:
        """Return the number of runs."""
        return int(self._connection.execute("SELECT count(*) FROM runs").fetchone()[0])

    def newest(self, limit: int = -1) -> list[dict[str, Any]]:
        """Return the newest records as `run.json` has them, the newest first; -1 means all."""
        query = "SELECT name, record FROM runs ORDER BY created DESC, name DESC LIMIT ?"
        return _documents(self._connection.execute(query, (limit,)))

    def having(self, column: str, value: str) -> list[dict[str, Any]]:
        """Return the records of an identity, a sweep or a question, the newest first. No other record is decoded."""
        if column not in _COLUMNS:
            raise ValueError(f"no index by {column!r}")
        condition = " OR ".join(f"{name} = ?1" for name in _COLUMNS[column])
        query = f"SELECT name, record FROM runs WHERE {condition} ORDER BY created DESC, name DESC"
        return _documents(self._connection.execute(query, (value,)))

    def _catch_up(self) -> None:
        known = {
            name: (mtime, size)
            for name, mtime, size in self._connection.execute("SELECT name, mtime, size FROM runs")
        }
        fresh: list[tuple[Any, ...]] = []
        for name, mtime, size in _stat_records(self._store):
            if known.pop(name, None) != (mtime, size):
                try:
                    fresh.append(
                        _row(name, mtime, size, read_json(self._store / name / "run.json"))
                    )
                except RunCorruptError as error:
                    self.broken.append(error)
                    # A row that no longer agrees with its folder must not linger.
                    known[name] = (mtime, size)
        if fresh or known:
            with _transaction(self._connection):
                self._connection.executemany(
                    "DELETE FROM runs WHERE name = ?", [(name,) for name in known]
                )
                self._connection.executemany(_INSERT, fresh)


def note(folder: Path) -> None:
    """Bring one run's row up to date after its record was written; a cache that is busy or broken is left alone."""
    store = folder.parent
    with contextlib.suppress(sqlite3.Error, OSError, StoreError):
        if not is_id(folder.name):
            return
        stat = (folder / "run.json").stat()
        row = _row(folder.name, stat.st_mtime_ns, stat.st_size, read_json(folder / "run.json"))
        connection = _connect(store)
        try:
            with _transaction(connection):
                connection.execute(_INSERT, row)
        finally:
            connection.close()


def rebuild(store: Path) -> tuple[int, list[RunCorruptError]]:
    """Throw the cache away and read every folder.

    Returns:
        The number of runs, and one error for each folder whose record cannot be read.

    Raises:
        StoreError: The cache cannot be written.
    """
    _remove(store)
    try:
        with Index(store) as index:
            return index.count(), index.broken
    except sqlite3.Error as error:
        raise StoreError(f"Cannot write the index of {store}: {error}.") from error


def documents(store: Path) -> tuple[list[dict[str, Any]], list[RunCorruptError]]:
    """Return every record, the newest first, from the cache if it can be used and else from the folders."""
    try:
        with Index(store) as index:
            return index.newest(), index.broken
    except sqlite3.Error:
        return read_folders(store)


def having(store: Path, column: str, values: Iterable[str]) -> list[dict[str, Any]]:
    """Return the records whose identity or sweep is one of the values, each value's newest first.

    Args:
        store: The store; one that does not exist holds no records.
        column: `identity`, `sweep`, or `question`: the identity or the config as it was written.
        values: What is looked for, each once.
    """
    if not store.is_dir():
        return []
    try:
        with Index(store) as index:
            return [document for value in values for document in index.having(column, value)]
    except sqlite3.Error:
        wanted = set(values)
        return [
            document
            for document in read_folders(store)[0]
            if any(document.get(name) in wanted for name in _COLUMNS[column])
        ]


def read_folders(store: Path) -> tuple[list[dict[str, Any]], list[RunCorruptError]]:
    """Return every record, the newest first, from the folders alone."""
    found: list[dict[str, Any]] = []
    broken: list[RunCorruptError] = []
    for name, _, _ in _stat_records(store):
        try:
            found.append({**read_json(store / name / "run.json"), "folder": name})
        except RunCorruptError as error:
            broken.append(error)
    found.sort(key=lambda record: (str(record.get("created")), record["folder"]), reverse=True)
    return found, broken


def _connect(store: Path) -> sqlite3.Connection:
    """Open the cache, making it if it is missing, and replacing it if it is damaged or of another version."""
    if not store.is_dir():
        raise sqlite3.OperationalError("no such store")
    for last in (False, True):
        connection = sqlite3.connect(store / NAME, timeout=_PATIENCE, isolation_level=None)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == _VERSION:
                connection.execute(
                    "PRAGMA synchronous = OFF"
                )  # it can be rebuilt, so it need not survive a power cut
                return connection
            if version == 0:
                _create(connection)
                return connection
            raise sqlite3.DatabaseError("written by another version")
        except sqlite3.OperationalError:
            connection.close()  # busy, or not writable: not a reason to remove it
            raise
        except sqlite3.DatabaseError:
            connection.close()
            if last:
                raise
            _remove(store)
    raise AssertionError("unreachable")


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    with _transaction(connection):
        # Another process may have been quicker.
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA.strip().split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _remove(store: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            (store / f"{NAME}{suffix}").unlink()


def _stat_records(store: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, modification time [ns] and size [bytes] of every record."""
    root = os.fspath(store)
    try:
        names = [name for name in os.listdir(root) if is_id(name)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"Cannot read the store {store}: {error.strerror}.") from error
    for name in names:
        try:
            stat = os.stat(f"{root}/{name}/run.json")
        except OSError:
            continue
        yield name, stat.st_mtime_ns, stat.st_size


def _row(name: str, mtime: int, size: int, record: dict[str, Any]) -> tuple[Any, ...]:
    columns = [
        str(record.get(key, ""))
        for key in ("created", "domain", "task", "status", "identity", "sweep", "config_id")
    ]
    return (name, mtime, size, *columns, json.dumps(record))


def _documents(rows: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
    return [{**json.loads(record), "folder": name} for name, record in rows]
