"""Documents of a user: every file of a folder, one file, or a field of JSON Lines, each as it stands there."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from taskloom.errors import ConfigError

from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.corpora.rows import NOT_UTF8, TABLES, is_other, kind_of, rows_of

_GZIP = b"\x1f\x8b"


def documents_of(path: Path, column: str = "", pattern: str = "*.txt*") -> Iterator[SourceRow]:
    """Yield documents, one after the other, by the names of their files; not a byte of one is changed but a mark of UTF-8.

    Args:
        path: A folder, a file that is one document, or a table that has one a row; perhaps with `.gz` behind.
        column: Column, or field of JSON, that holds the documents of a table.
        pattern: Files of a folder, at any depth.

    Raises:
        ConfigError: It cannot be read, no file of it fits the pattern, or it has no such column.
    """
    if not path.is_dir() and kind_of(path) in TABLES:
        yield from rows_of(path, column, names=False)
        return
    if "*" in path.name and not path.exists():
        raise ConfigError(
            f"path: '{path}' is no file; give the folder, path={path.parent}, and pattern={path.name}"
        )
    files = sorted(p for p in path.rglob(pattern) if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"path: no file of '{path}' is called {pattern}; say pattern=NAMES")
    for number, file in enumerate(files, start=1):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        yield _document(number, file, name)


def _document(number: int, file: Path, name: str) -> SourceRow:
    try:
        data = file.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"path: '{file}' cannot be read: {reason}") from None
    fault = is_other(data)
    if fault:
        raise ConfigError(f"path: '{file}' cannot be read: {fault}")
    try:
        # Decoded from bytes: no line end becomes another.
        return SourceRow(number, data.decode("utf-8-sig"), {"file": name})
    except UnicodeDecodeError:
        return SourceRow(number, data.decode("utf-8", "replace"), {"file": name}, fault=NOT_UTF8)
