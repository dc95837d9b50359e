"""The file of the index: made, opened and replaced so that nothing else is ever written into."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from taskloom.system.files import open_plain

NAME = "index.sqlite"
_VERSION = 5
_PATIENCE = 2.0  # [s]
_CACHE = 32_000  # [KiB]
_SCHEMA = (
    """CREATE TABLE runs (
    name TEXT PRIMARY KEY, mtime INTEGER NOT NULL, size INTEGER NOT NULL, inode INTEGER NOT NULL, damage TEXT NOT NULL,
    created TEXT, domain TEXT, task TEXT, status TEXT, identity TEXT, sweep TEXT, config_id TEXT, row TEXT NOT NULL
) WITHOUT ROWID""",
    "CREATE TABLE leaves (path TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (path, name)) WITHOUT ROWID",
    "CREATE INDEX by_created ON runs (damage, created, name)",
    "CREATE INDEX by_identity ON runs (identity)",
    "CREATE INDEX by_sweep ON runs (sweep)",
    "CREATE INDEX by_config ON runs (config_id)",
)


def connect(store: Path) -> sqlite3.Connection:
    """Open the cache, making it if it is missing, and replacing it if it is damaged, a link, or no index.

    Raises:
        sqlite3.Error: There is no store, or the cache is busy or cannot be written.
    """
    if not store.is_dir():
        raise sqlite3.OperationalError("no such store")
    place = Path(os.path.realpath(store))
    for last in (False, True):
        _make_way(place)
        connection = sqlite3.connect(place / NAME, timeout=_PATIENCE, isolation_level=None)
        try:
            # What a schema calls by itself is not trusted: a cache may have been edited.
            connection.execute("PRAGMA trusted_schema = OFF")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            found = _schema_of(connection)
            if version == 0 and not found:
                _create(connection)
            elif version != _VERSION or found != _SCHEMA:
                raise sqlite3.DatabaseError("no index of this version")
            # It can be rebuilt, so it need not survive a power cut.
            connection.execute("PRAGMA synchronous = OFF")
            # A listing walks the table twice: what changed, and what is asked for.
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
            return connection
        except sqlite3.OperationalError:
            connection.close()  # busy, or not writable: not a reason to remove it
            raise
        except sqlite3.DatabaseError:
            connection.close()
            if last:
                raise
            remove(store)
    raise AssertionError("unreachable")


def remove(store: Path) -> None:
    """Remove the cache; links go, what they lead to stays."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            (store / f"{NAME}{suffix}").unlink()


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of a block or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_way(store: Path) -> None:
    """Remove an index that is a link, a pipe or another name of a file elsewhere: SQLite would write into it.

    Raises:
        sqlite3.OperationalError: It cannot be removed.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        path = store / f"{NAME}{suffix}"
        try:
            found = os.lstat(path)
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            remove(store)
            if os.path.lexists(path):
                raise sqlite3.OperationalError(f"{path.name} is no regular file")
    with contextlib.suppress(OSError):  # made here, and not by SQLite, which would follow a link
        os.close(open_plain(store / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def _schema_of(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the statements that made the tables and indexes of a database, in their order."""
    query = "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid"
    return tuple(str(sql) for (sql,) in connection.execute(query))


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    with transaction(connection):
        # Another process may have been quicker.
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
