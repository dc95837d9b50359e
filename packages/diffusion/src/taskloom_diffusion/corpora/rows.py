"""Rows of a user's file as they stand there: text, SMILES with names, CSV, SDF, Parquet, JSON Lines, compressed or not."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from taskloom.errors import ConfigError, MissingExtraError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.corpora.corpus import SourceRow

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")


def kind_of(path: Path) -> str:
    """Return the ending that says what is in a file, in lower case and without `.gz`."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


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
        if kind == ".sdf":
            yield from _sdf(path)
        elif kind == ".parquet":
            yield from _parquet(path, column)
        elif kind in (".jsonl", ".ndjson"):
            yield from _json_lines(path, column)
        elif column:
            yield from _table(path, column, "\t" if kind == ".tsv" else ",")
        else:
            yield from _lines(path, names=names)
    except UnicodeDecodeError:
        raise ConfigError(f"path: '{path}' cannot be read: it is not UTF-8 text") from None
    except (OSError, EOFError, csv.Error, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"path: '{path}' cannot be read: {reason}") from None


@contextmanager
def _opened(path: Path, newline: str) -> Iterator[IO[str]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline=newline) as stream:
            yield cast("IO[str]", stream)
        return
    with path.open(encoding="utf-8-sig", newline=newline) as stream:
        yield stream


def _lines(path: Path, *, names: bool) -> Iterator[SourceRow]:
    # Only a line feed ends a line, perhaps with a carriage return before it: a line separator of Unicode is data.
    with _opened(path, "\n") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.removesuffix("\n").removesuffix("\r")
            if not names:
                yield SourceRow(number, text)
                continue
            first, _, rest = text.strip().partition(" ") if "\t" not in text else _at_tab(text)
            yield SourceRow(number, first, {"name": rest.strip()} if rest.strip() else {})


def _at_tab(text: str) -> tuple[str, str, str]:
    words = text.strip().split(maxsplit=1)
    return words[0] if words else "", " ", words[1] if len(words) > 1 else ""


def _table(path: Path, column: str, delimiter: str) -> Iterator[SourceRow]:
    with _opened(path, "") as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        names = next(reader, [])
        _check_column(path, column, names)
        place = names.index(column)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not cells:
                yield SourceRow(line, "")  # an empty line is a row without cells
                continue
            others = {n: c for n, c in zip(names, cells, strict=False) if n != column and c}
            yield SourceRow(line, cells[place] if place < len(cells) else "", others)


def _check_column(path: Path, column: str, names: list[str]) -> None:
    if column not in names:
        near = did_you_mean(column, names)
        raise ConfigError(
            f"column: '{path.name}' has no column '{column}'; it has {', '.join(names) or 'none'}{'; ' * bool(near)}{near}"
        )


def _json_lines(path: Path, column: str) -> Iterator[SourceRow]:
    with _opened(path, "\n") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found: Any = json.loads(line) if line.strip() else {}
            except ValueError as error:
                raise ConfigError(
                    f"path: '{path}' cannot be read: line {number} is no JSON ({error})"
                ) from None
            if isinstance(found, str):
                yield SourceRow(number, found)
                continue
            if not isinstance(found, dict):
                raise ConfigError(f"path: '{path}' cannot be read: line {number} is no JSON object")
            if found:
                _check_column(path, column, list(found))
            others = {str(n): str(v) for n, v in found.items() if n != column and v is not None}
            text = found.get(column)
            yield SourceRow(number, "" if text is None else str(text), others)


def _parquet(path: Path, column: str) -> Iterator[SourceRow]:
    import pandas as pd  # pandas is heavy

    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise MissingExtraError(
            f"path: '{path}' is Parquet, which pandas reads with pyarrow; it is not installed",
            hint="pip install pyarrow",
        ) from None
    except ValueError as error:
        raise ConfigError(f"path: '{path}' cannot be read: {error}") from None
    names = [str(name) for name in table.columns]
    _check_column(path, column, names)
    for number, cells in enumerate(table.itertuples(index=False, name=None), start=1):
        record = dict(zip(names, cells, strict=True))
        text = record.pop(column)
        others = {name: str(value) for name, value in record.items() if not pd.isna(value)}
        yield SourceRow(number, "" if pd.isna(text) else str(text), others)


def _sdf(path: Path) -> Iterator[SourceRow]:
    from rdkit import Chem, rdBase  # RDKit is heavy

    with ExitStack() as stack:
        stack.enter_context(rdBase.BlockLogs())
        stream: Any = stack.enter_context(path.open("rb"))
        if path.suffix == ".gz":
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        for number, molecule in enumerate(Chem.ForwardSDMolSupplier(stream), start=1):
            if molecule is None:
                yield SourceRow(
                    number, f"record {number}"
                )  # no SMILES, so it is counted as unparsable
                continue
            others = {key: str(value) for key, value in molecule.GetPropsAsDict().items()}
            if molecule.HasProp("_Name") and molecule.GetProp("_Name"):
                others["name"] = molecule.GetProp("_Name")
            yield SourceRow(number, Chem.MolToSmiles(molecule), others)
