"""Inputs that are read piece by piece, each with its place in the source; what cannot be read is an error of its row, and the rest goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data import slices
from taskloom_anomaly.data.arrays import ArrayDataset, collect
from taskloom_anomaly.data.files import item_of, number_of
from taskloom_anomaly.data.form import InputForm
from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.data.parquet import read_columns
from taskloom_anomaly.data.pictures import ImageFolder

Data: TypeAlias = "ArrayDataset | list[str]"


@dataclass(frozen=True)
class RowReading:
    """The user's word about a source.

    Attributes:
        form: The form that inputs must have; None takes that of the first.
        text_key: Field of the text in JSON lines.
        id_key: Field, or column, that names a row.
        truth_key: Field, column or array that holds 1 for an odd input and 0 for a normal one; empty if there is none.
        layers: Names of layers: a file with exactly these arrays holds activations.
    """

    form: InputForm | None = None
    text_key: str = "text"
    id_key: str = "id"
    truth_key: str = ""
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a source.

    Attributes:
        rows: The places of those that could be read.
        data: Them, in the same order.
        ids: Their names; the place where a row has none.
        truth: 1 for odd, 0 for normal, -1 where nothing says.
        errors: The places of the others, and what is wrong with each.
        activations: Activations in place of inputs, by layer; empty where a network is to be run.
    """

    rows: list[int]
    data: Data
    ids: list[str | int]
    truth: list[int]
    errors: list[tuple[int, str]] = field(default_factory=list)
    activations: Mapping[str, np.ndarray] = field(default_factory=dict)

    def moved(self, by: int) -> Part:
        """Return the part with all its places moved on; names that are places move with them."""
        return replace(
            self,
            rows=[row + by for row in self.rows],
            ids=[
                row + by if name == row else name
                for name, row in zip(self.ids, self.rows, strict=True)
            ],
            errors=[(row + by, why) for row, why in self.errors],
        )

    def only(self, keep: Sequence[int]) -> Part:
        """Return the part with some of its rows."""
        picked = np.asarray(keep, dtype=np.int64)
        data = self.data
        return replace(
            self,
            rows=[self.rows[i] for i in keep],
            data=[data[i] for i in keep] if isinstance(data, list) else data.take(picked),
            ids=[self.ids[i] for i in keep],
            truth=[self.truth[i] for i in keep],
            activations={name: array[picked] for name, array in self.activations.items()},
        )


def array_parts(path: Path, size: int, how: RowReading) -> Iterator[Part]:
    """Yield the rows of a file of arrays.

    Raises:
        ConfigError: The file cannot be read, or its arrays are not of the form.
    """
    with slices.open_arrays(path) as arrays:
        beside = {"labels", *filter(None, (how.truth_key, how.id_key))}
        given = {name: rows for name, rows in arrays.items() if name not in beside}
        if not given:
            raise ConfigError(f"The file '{path}' has no array of inputs.")
        has_layers = bool(how.layers) and {*given} - {"logits"} == {*how.layers}
        for start, found in slices.batches(path, arrays, size):
            inputs = {name: found[name] for name in given}
            plain = next(iter(inputs.values())) if len(inputs) == 1 else NamedArrays(inputs)
            if how.form is not None and not has_layers and (why := how.form.refusal(plain)):
                raise ConfigError(f"The inputs of '{path}' do not fit: {why}.")
            rows = list(range(start, start + len(plain)))
            ids: list[str | int] = list(rows)
            if how.id_key in found:
                ids = [*map(_name, found[how.id_key])]
            truth = [-1] * len(rows)
            if how.truth_key and how.truth_key in found:
                truth = [*map(_truth, found[how.truth_key])]
            part = Part(
                rows,
                ArrayDataset(plain),
                ids,
                truth,
                activations=inputs if has_layers else {},
            )
            yield _numbers_only(part)


def line_parts(lines: Iterable[str], size: int, how: RowReading) -> Iterator[Part]:
    """Yield the rows of JSON lines; empty lines do not count."""
    rows = ((row, line) for row, line in enumerate(line for line in lines if line.strip()))
    yield from _parts((_json_row(row, line, how) for row, line in rows), size, how)


def csv_parts(file: IO[str], size: int, how: RowReading) -> Iterator[Part]:
    """Yield the rows of a table under a head line.

    Raises:
        ConfigError: It has no head line.
    """
    table = csv.reader(file)
    head = next(table, None)
    if not head:
        raise ConfigError("The table has no head line.")
    yield from _parts((_csv_row(row, cells, head, how) for row, cells in enumerate(table)), size, how)  # fmt: skip


def parquet_parts(path: Path, size: int, how: RowReading) -> Iterator[Part]:
    """Yield the rows of a Parquet file; an empty cell is an error of its row.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ConfigError: The file cannot be read, or a column of inputs holds no numbers.
    """
    beside = tuple(filter(None, (how.id_key, how.truth_key)))

    def rows() -> Iterator[_Row]:
        start = 0
        for values, others in read_columns(path, size, beside):
            for at, cells in enumerate(values):
                row = start + at
                name = _name(others[how.id_key][at]) if how.id_key in others else row
                truth = _truth(others[how.truth_key][at]) if how.truth_key in others else -1
                why = "an empty cell, or one that is no number" if np.isnan(cells).any() else ""
                yield _Row(row, name, cells, truth, why)
            start += len(values)

    yield from _parts(rows(), size, how)


def image_parts(folder: ImageFolder, size: int, how: RowReading) -> Iterator[Part]:
    """Yield the images of a folder, named by their files."""

    def rows() -> Iterator[_Row]:
        for row, file in enumerate(folder.files):
            try:
                yield _Row(row, file.name, folder[row])
            except ConfigError as error:
                yield _Row(row, file.name, error=error.message.rstrip("."))

    yield from _parts(rows(), size, how)


@dataclass(frozen=True)
class _Row:
    """One row of a source, read or not."""

    row: int
    id: str | int
    value: Any = None
    truth: int = -1
    error: str = ""


def _json_row(row: int, line: str, how: RowReading) -> _Row:
    try:
        found = json.loads(line)
    except ValueError as error:
        return _Row(row, row, error=f"no JSON: {error}")
    if not isinstance(found, dict):
        return _Row(row, row, error="no JSON object")
    name = _name(found.pop(how.id_key, row))
    truth = _truth(found.pop(how.truth_key, -1)) if how.truth_key else -1
    found.pop("label", None)
    if isinstance(found.get(how.text_key), str):
        return _Row(row, name, found[how.text_key], truth)
    if any(isinstance(value, str) for value in found.values()):
        return _Row(row, name, error=f"no text under '{how.text_key}'")
    try:
        return _Row(row, name, item_of(found), truth)
    except ValueError as error:
        return _Row(row, name, error=f"no array: {error}")


def _csv_row(row: int, cells: Sequence[str], head: Sequence[str], how: RowReading) -> _Row:
    name: str | int = row
    truth, values = -1, []
    if len(cells) != len(head):
        return _Row(row, row, error=f"{len(cells)} cells under {len(head)} columns")
    for cell, column in zip(cells, head, strict=True):
        if column == how.id_key:
            name = cell
        elif how.truth_key and column == how.truth_key:
            truth = _truth(cell)
        else:
            try:
                values.append(number_of(cell, column))
            except ValueError as error:
                return _Row(row, name, error=str(error))
    return _Row(row, name, np.asarray(values, np.float32), truth)


def _parts(rows: Iterator[_Row], size: int, how: RowReading) -> Iterator[Part]:
    form, is_text = how.form, None
    while several := list(islice(rows, size)):
        good: list[_Row] = []
        errors: list[tuple[int, str]] = []
        for item in several:
            why = item.error
            if not why and is_text is None:
                is_text = isinstance(item.value, str)
            if not why and isinstance(item.value, str) is not is_text:
                why = "a text among arrays" if isinstance(item.value, str) else "no text"
            if not why and not is_text:
                inputs = collect([item.value], "row").inputs
                form = form or InputForm.of_inputs(inputs)
                why = form.refusal(inputs)
            if why:
                errors.append((item.row, why))
            else:
                good.append(item)
        values = [item.value for item in good]
        data: Data = values if is_text else collect(values, "rows")
        part = Part([i.row for i in good], data, [i.id for i in good], [i.truth for i in good], errors)  # fmt: skip
        yield part if is_text else _numbers_only(part)


def _numbers_only(part: Part) -> Part:
    """Return a part whose rows with NaN or infinity are errors."""
    if not part.rows:
        return part
    given = part.data
    assert isinstance(given, ArrayDataset)
    arrays = part.activations or (
        given.inputs.arrays if isinstance(given.inputs, NamedArrays) else {"": given.inputs}
    )
    finite = np.ones(len(part.rows), bool)
    for array in arrays.values():
        if array.dtype.kind == "f":
            finite &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if finite.all():
        return part
    bad = [(part.rows[i], "its input holds NaN or infinity") for i in np.flatnonzero(~finite)]
    return replace(part.only(np.flatnonzero(finite).tolist()), errors=sorted([*part.errors, *bad]))


def _name(value: object) -> str | int:
    return int(value) if isinstance(value, (int, np.integer)) else str(value)


def _truth(value: object) -> int:
    """Return 1 for odd, 0 for normal.

    Raises:
        ConfigError: It is neither.
    """
    text = str(value).strip().lower()
    known = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "-1": -1, "": -1}
    if text not in known:
        raise ConfigError(f"A label must be 1 (odd) or 0 (normal), not '{value}'.")
    return known[text]


def require_rows(part: Part | None, source: str) -> Part:
    """Return the first part of a source that has a row.

    Raises:
        ConfigError: There is none.
    """
    if part is None or not part.rows:
        first = f": row {part.errors[0][0]}: {part.errors[0][1]}" if part and part.errors else ""
        raise ConfigError(f"'{source}' has no row that can be read{first}.")
    return part
