"""Rows of a user's file as they stand there: text, SMILES with names, CSV, SDF, Parquet, JSON Lines, compressed or not.

A row that cannot be read is a row with a fault: it costs that row and no other.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from taskloom.errors import ConfigError, MissingExtraError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.corpora.csv_rows import CsvRows

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
# What other programs write under a name that looks like text, by its first bytes.
_OTHERS = {
    b"\xff\xfe": "it is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "it is UTF-16 text; save it as UTF-8",
    b"PK\x03\x04": "it is a ZIP archive or a spreadsheet, no text; save it as CSV",
    b"PAR1": "it is Parquet, which is read from a file whose name ends in .parquet",
    b"BZh": "it is compressed by bzip2; of compressed files those of gzip are read",
    b"\xfd7zXZ": "it is compressed by xz; of compressed files those of gzip are read",
    b"(\xb5/\xfd": "it is compressed by zstd; of compressed files those of gzip are read",
}
_GZIP = b"\x1f\x8b"
# Reason of rows whose bytes are no UTF-8, and of rows of which that is true of other columns alone.
NOT_UTF8, OTHER_COLUMNS = "not_utf8", "changed_columns"


def kind_of(path: Path) -> str:
    """Return the ending that says what is in a file, in lower case and without `.gz`."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def column_of(path: Path, column: str) -> str:
    """Return the column to read another file by: the same where that is a table, none where a line is a sequence."""
    return column if kind_of(path) in TABLES else ""


def rows_of(path: Path, column: str, *, names: bool) -> Iterator[SourceRow]:
    """Yield the rows of a file, one after the other: the file may be larger than the memory.

    Args:
        path: The file; its ending says what is in it.
        column: Column, or field of JSON, that holds the sequences; empty where a line is one.
        names: Whether what follows a line's first word is a name, as behind SMILES.

    Raises:
        ConfigError: It cannot be read, or has no such column.
    """
    kind = kind_of(path)
    try:
        if kind == ".parquet":
            yield from _parquet(path, column)
            return
        if kind == ".sdf":
            with _bytes(path) as records:
                yield from _sdf(records)
            return
        is_json = kind in (".jsonl", ".ndjson")
        # The reader of tables looks for its own line ends.
        with _text(path, "" if column and not is_json else "\n") as stream:
            if is_json:
                found = _json_lines(path, stream, column)
            elif column:
                found = _table(path, stream, column, kind)
            else:
                found = _lines(stream, names=names)
            yield from map(_in_utf8, found)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"path: '{path}' cannot be read: {reason}") from None


def is_other(head: bytes) -> str:
    """Return why a file that begins with these bytes is no text; empty if it may be one."""
    return next((fault for mark, fault in _OTHERS.items() if head.startswith(mark)), "")


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, through gzip where its first bytes say so, whatever its name says."""
    with path.open("rb") as stream:
        head = stream.read(8)
        stream.seek(0)
        fault = is_other(head)
        if fault:
            raise ConfigError(f"path: '{path}' cannot be read: {fault}")
        if head.startswith(_GZIP):
            with gzip.GzipFile(fileobj=stream) as inside:
                yield cast("IO[bytes]", inside)
            return
        yield stream


@contextmanager
def _text(path: Path, newline: str) -> Iterator[IO[str]]:
    """Open a file as text; bytes that are no UTF-8 are surrogates in it, which `_in_utf8` finds."""
    with (
        _bytes(path) as inside,
        io.TextIOWrapper(inside, "utf-8-sig", errors="surrogateescape", newline=newline) as stream,
    ):
        yield stream


def _in_utf8(row: SourceRow) -> SourceRow:
    """Return a row without surrogates: a sequence that has some is no text, another column is read as Windows wrote it."""
    others, changes = row.others, row.changes
    if not all(_is_text(name) and _is_text(value) for name, value in others.items()):
        others = {_as_windows(name): _as_windows(value) for name, value in others.items()}
        changes = (*changes, OTHER_COLUMNS)
    if _is_text(row.text):
        return SourceRow(row.line, row.text, others, row.fault, changes)
    shown = row.text.encode("utf-8", "surrogateescape" if _escaped(row.text) else "replace")
    return SourceRow(row.line, shown.decode("utf-8", "replace"), others, row.fault or NOT_UTF8)


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> bool:
    """Return whether every surrogate stands for a byte; JSON can also spell others."""
    return not any("\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in text)


def _as_windows(text: str) -> str:
    if _is_text(text) or not _escaped(text):
        return text if _is_text(text) else text.encode("utf-8", "replace").decode()
    return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _lines(stream: IO[str], *, names: bool) -> Iterator[SourceRow]:
    # Only a line feed ends a line, perhaps with a carriage return before it: a line separator of Unicode is data.
    for number, line in enumerate(stream, start=1):
        text = line.removesuffix("\n").removesuffix("\r")
        if not names:
            yield SourceRow(number, text)
            continue
        if "\r" in text:
            # Lines of an old Macintosh: the second molecule would look like the name of the first.
            yield SourceRow(number, text, fault="unparsable")
            continue
        words = text.split(maxsplit=1) or [""]
        name = words[1].strip() if len(words) > 1 else ""
        yield SourceRow(number, words[0], {"name": name} if name else {})


def _table(path: Path, stream: IO[str], column: str, kind: str) -> Iterator[SourceRow]:
    table = CsvRows(stream, "\t" if kind == ".tsv" else ",")
    names = table.header(column)
    _check_column(path, column, names)
    place = names.index(column)
    for line, cells, fault in table:
        if fault:
            yield SourceRow(line, fault, fault="unparsable")
            continue
        others = {n: c for n, c in zip(names, cells, strict=False) if n != column and c}
        # An empty line is a row without cells, and a short row lacks its last ones.
        yield SourceRow(line, cells[place] if place < len(cells) else "", others)


def _check_column(path: Path, column: str, names: Sequence[str]) -> None:
    if column in names:
        if names.count(column) > 1:
            raise ConfigError(
                f"column: '{path.name}' has the column '{column}' {names.count(column)} times; rename all but one"
            )
        return
    shown = ", ".join(names) or "none"
    if not column:
        raise ConfigError(
            f"column: '{path.name}' needs column=NAME, the one of {shown} that holds the sequences"
        )
    near = did_you_mean(column, names)
    raise ConfigError(
        f"column: '{path.name}' has no column '{column}'; it has {shown}{'; ' * bool(near)}{near}"
    )


def _json_lines(path: Path, stream: IO[str], column: str) -> Iterator[SourceRow]:
    first: list[str] = []
    met = False
    for number, line in enumerate(stream, start=1):
        text = line.removesuffix("\n").removesuffix("\r")
        if not text.strip():
            yield SourceRow(number, "")
            continue
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError):
            yield SourceRow(number, text, fault="unparsable")
            continue
        if isinstance(found, dict):
            first, met = first or list(found), met or column in found
        else:
            # A line may be one text, and then no field is looked for.
            met = met or isinstance(found, str)
        yield _of_json(number, text, found, column)
    if first and not met:
        _check_column(path, column, first)


def _of_json(number: int, line: str, found: object, column: str) -> SourceRow:
    if isinstance(found, str):
        return SourceRow(number, found)
    if not isinstance(found, dict):
        return SourceRow(number, line, fault="unparsable")
    others = {str(n): _plain(v) for n, v in found.items() if n != column and v is not None}
    text = found.get(column)
    if isinstance(text, dict | list | bool):
        return SourceRow(number, line, others, fault="unparsable")
    return SourceRow(number, "" if text is None else str(text), others)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _parquet(path: Path, column: str) -> Iterator[SourceRow]:
    try:
        # By name: no checker of types has to know a library that few have.
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError(
            f"path: '{path}' is Parquet, which is read with pyarrow; it is not installed",
            hint="pip install pyarrow",
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            _check_column(path, column, list(file.schema_arrow.names))
            number = 0
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield _of_json(number, repr(record), record, column)
    except arrow.ArrowException as error:
        raise ConfigError(f"path: '{path}' cannot be read: {str(error).splitlines()[0]}") from None


def _sdf(stream: IO[bytes]) -> Iterator[SourceRow]:
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        for number, molecule in enumerate(Chem.ForwardSDMolSupplier(stream), start=1):
            if molecule is None:
                yield SourceRow(number, f"record {number}", fault="unparsable")
                continue
            others, changes = _fields(molecule)
            yield SourceRow(number, Chem.MolToSmiles(molecule), others, changes=changes)


def _fields(molecule: Any) -> tuple[Mapping[str, str], tuple[str, ...]]:  # noqa: ANN401 -- an RDKit molecule
    """Return the fields of a record, its name too; one that is no UTF-8 cannot be had from RDKit, and is told."""
    names: list[str] = list(molecule.GetPropNames())
    if molecule.HasProp("_Name"):
        names.append("_Name")
    found: dict[str, str] = {}
    changes: tuple[str, ...] = ()
    get: Callable[[str], str] = molecule.GetProp
    for name in names:
        try:
            value = get(name)
        except UnicodeDecodeError:
            changes = (OTHER_COLUMNS,)
            continue
        if value or name != "_Name":
            found["name" if name == "_Name" else name] = value
    return found, changes
