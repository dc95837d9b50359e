"""Digests of files, remembered by what the file system says of them. The cache is expendable."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from taskloom.identity.canonical import digest_of
from taskloom.system.below import NOT_REGULAR
from taskloom.system.machine import kernel_devices

NAME = ".cache/files.sqlite"
_CHUNK = 1 << 20
_BY_TIME = "mtime:"
_SETTLED = 2_000_000_000  # [ns]; a file that was changed more recently may change again within one tick of its clock
_LARGE = 200 * 2**20  # [bytes]; reading this takes long enough to say so
_SMALL = 2**20  # [bytes]
_PATIENCE = 1.0  # [s]
_SCHEMA = """CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode TEXT, device TEXT, sha TEXT NOT NULL
) WITHOUT ROWID"""
_FIND = "SELECT size, mtime, ctime, inode, device, sha FROM files WHERE path = ?"
_KEEP = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"


class FileCache:
    """Digests of files by content; a file whose size, times, inode and device are as before is not read again.

    The times decide only whether a file is read: its digest is always that of its bytes. `ctime` cannot be set back, so
    neither `touch -r` nor a copy that keeps its times hides a change.

    Args:
        store: The store whose cache is used; None, or one that cannot be written: nothing is remembered.

    Attributes:
        hashed: Number of bytes read so far.
    """

    def __init__(self, store: Path | None = None) -> None:
        self.hashed = 0
        # Opened at the first file: a config that names none leaves no cache in its store.
        self._store = store
        self._connection: sqlite3.Connection | None = None
        self._folder = store / ".cache" if store is not None else None
        self._now = 0
        self._fresh: list[tuple[Any, ...]] = []

    def __enter__(self) -> FileCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def digest(self, path: Path, found: os.stat_result | None = None) -> str:
        """Return the SHA-256 (hexadecimal) of a file's bytes.

        Args:
            path: The file; a link is followed.
            found: What the file system says of it, if that has been asked.

        Raises:
            OSError: It cannot be read, or is no regular file on a disk: a record may name a pipe or a device, which has no end.
        """
        before = found or os.stat(path)
        if not stat.S_ISREG(before.st_mode) or before.st_dev in kernel_devices():
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
        if self._store is not None:
            self._connection, self._store = _connect(self._store), None
        key = os.path.abspath(path)
        known = self._known(key)
        if known is not None and known[:-1] == _facts(before):
            return str(known[-1])
        if before.st_size > _LARGE:
            sys.stderr.write(f"reading {path.name} ({before.st_size / 2**30:.1f} GiB) once\n")
        sha, count = hash_file(path)
        self.hashed += count
        after = os.stat(path)
        if _facts(before) == _facts(after) and self._is_settled(after):
            self._fresh.append((key, *_facts(after), sha))
        return sha

    @staticmethod
    def text_digest(rows: list[Any]) -> str:
        """Return the digest of rows in canonical form."""
        return digest_of(rows)

    def close(self) -> None:
        """Write what was learnt; a cache that is busy or broken is left alone."""
        if self._connection is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if self._fresh:
                self._connection.executemany(_KEEP, self._fresh)
                self._connection.commit()
        self._connection.close()
        self._connection = None

    def _known(self, key: str) -> tuple[Any, ...] | None:
        if self._connection is None:
            return None
        try:
            found: tuple[Any, ...] | None = self._connection.execute(_FIND, (key,)).fetchone()
        except (sqlite3.Error, UnicodeEncodeError):
            return None
        return found

    def _is_settled(self, found: os.stat_result) -> bool:
        """Return whether a file has been left alone for a while, by the clock of the file system that holds the cache."""
        if self._connection is None or (sys.platform == "win32" and found.st_size < _SMALL):
            return False
        newest = max(found.st_mtime_ns, found.st_ctime_ns)
        if not self._now:
            self._now = _clock_of(self._folder)
        return newest < self._now - _SETTLED


def by_time(found: os.stat_result) -> str:
    """Return what stands for the digest of a file that is too large to be read for each run."""
    return f"{_BY_TIME}{found.st_size}:{found.st_mtime_ns}"


def is_by_time(digest: str) -> bool:
    """Return whether size and time stand for a content."""
    return digest.startswith(_BY_TIME)


def hash_file(path: Path) -> tuple[str, int]:
    """Return the SHA-256 (hexadecimal) of a file, and the number of bytes read.

    Raises:
        OSError: It cannot be read.
    """
    found, count = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            count += len(chunk)
    return found.hexdigest(), count


def _facts(found: os.stat_result) -> tuple[Any, ...]:
    # Inode and device as texts: some file systems use all 64 bits, which SQLite's integers do not have.
    return (
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        str(found.st_ino),
        str(found.st_dev),
    )


def _clock_of(folder: Path | None) -> int:
    """Return the time of a file just made in a folder [ns]; 0 if none can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return 0


def _connect(store: Path) -> sqlite3.Connection | None:
    """Open the cache of a store that exists; None where that cannot be."""
    path = store / NAME
    try:
        if not store.is_dir() or path.is_symlink() or path.parent.is_symlink():
            return None
        path.parent.mkdir(exist_ok=True)
        # The rollback journal: write-ahead logs are not safe on network disks.
        connection = sqlite3.connect(path, timeout=_PATIENCE)
    except (OSError, sqlite3.Error):
        return None
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        return None
    return connection
