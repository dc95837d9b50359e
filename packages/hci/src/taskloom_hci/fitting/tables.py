"""Tables of decisions in text: CSV or TSV, with columns under any names."""

from __future__ import annotations

import csv
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError, with_nearest
from taskloom_hci.fitting.decisions import Rows
from taskloom_hci.models.model import Column, UserModel

# What a decision has beside the columns of its model; all but the action may be missing.
GENERAL = ("person", "game", "round", "action", "dropped")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_MISSING = {"", "NA", "NaN", "nan", "null", "None", "."}


@dataclass(frozen=True, slots=True)
class Mapped:
    """The source of one column.

    Attributes:
        columns: Names in the file: one, or one for each axis of a place.
        values: What values stand for, as text; empty: for themselves.
    """

    columns: tuple[str, ...]
    values: Mapping[str, str]


def parse_map(words: Sequence[str]) -> dict[str, Mapped]:
    """Return the sources of columns by name, from words such as `action=choice:1>0,2>1` or `position=x,y`.

    Raises:
        HciError: If a word is no such thing.

    Example:
        >>> parse_map(["action=choice:1>0,2>1"])["action"].values
        {'1': '0', '2': '1'}
    """
    found: dict[str, Mapped] = {}
    for word in words:
        name, equals, rest = word.partition("=")
        columns, _, values = rest.partition(":")
        pairs = [pair.partition(">") for pair in values.split(",")] if values else []
        if not equals or not name.strip() or not columns.strip() or any(not p[1] for p in pairs):
            raise HciError(
                f"--map {word} is no column: write name=column, or name=column:old>new,old>new."
            )
        found[name.strip()] = Mapped(
            tuple(part.strip() for part in columns.split(",")),
            {old.strip(): new.strip() for old, _, new in pairs},
        )
    return found


def read_table(
    path: Path,
    model_class: type[UserModel],
    sources: Mapping[str, Mapped],
    conditions: Sequence[str] = (),
) -> Rows:
    """Return the rows of a CSV or TSV file.

    A row without a person is of the one person of the file; without a game it is a game of its own, except for a model
    whose situations depend on earlier rows.

    Args:
        path: The file; its first line names the columns.
        model_class: The model whose columns are read.
        sources: Where they come from; by default a column of the same name.
        conditions: Rows that count, such as `cond==2`; the others are left out and counted.

    Raises:
        HciError: If a column is missing or a value is none; the sentence names line, column and value.
    """
    header, lines = _lines(path)
    wanted = [*GENERAL, *(column.name for column in model_class.columns)]
    unknown = [name for name in sources if name not in wanted]
    if unknown:
        raise HciError(
            with_nearest(
                f"'{unknown[0]}' is no column of {model_class.__name__}; there are {', '.join(wanted)}",
                unknown[0],
                wanted,
            )
        )
    use = {name: _source(name, sources, header, path) for name in wanted}
    for name in ("action", *(column.name for column in model_class.columns)):
        if use[name] is None:
            raise HciError(
                f"{path.name} has no column '{name}' (there are {', '.join(header)}): "
                f"name it by --map {name}=COLUMN."
            )
    tests = [_condition(text, header, path) for text in conditions]
    rows = Rows([], [], [], [], {}, [])
    cells: dict[str, list[list[float]]] = {column.name: [] for column in model_class.columns}
    for number, line in lines:
        rows.read += 1
        told = dict(zip(header, line, strict=False))
        where = f"Line {number} of {path.name}"
        if len(line) != len(header):
            raise HciError(f"{where} has {len(line)} values for {len(header)} columns.")
        failed = next((text for text, test in tests if not test(told)), None)
        if failed is not None:
            rows.left_out[f"without {failed}"] += 1
            continue
        if use["dropped"] is not None and _number(told, use["dropped"], where)[0] != 0.0:
            rows.left_out["dropped"] += 1
            continue
        person, game, place = (_text(told, use[name]) for name in ("person", "game", "round"))
        rows.person.append(path.stem if person is None else person)
        alone = "0" if model_class.has_history else str(rows.read)
        rows.game.append(alone if game is None else game)
        rows.round.append(
            float(rows.read) if place is None else _number(told, use["round"], where)[0]
        )
        action = _number(told, use["action"], where)
        rows.action.append(_plain(action[0]) if len(action) == 1 else tuple(action))
        for column in model_class.columns:
            cells[column.name].append(_values(told, column, use[column.name], where))
        rows.places.append(where)
    rows.columns = {
        column.name: _array(column, cells[column.name]) for column in model_class.columns
    }
    return rows


def _lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(path, file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, line) for line in reader if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HciError(f"{path.name} cannot be read as a table: {error}.") from None
    if delimiter == ";":
        lines = [(number, [_with_point(cell) for cell in line]) for number, line in lines]
    double = [name for name, count in Counter(header).items() if count > 1]
    if not header or double:
        told = f"names '{double[0]}' twice" if double else "names no columns"
        raise HciError(f"The first line of {path.name} {told}.")
    return header, lines


def _delimiter(path: Path, first: str) -> str:
    """Return what stands between the columns; spreadsheets of many countries write semicolons into a .csv."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if ";" in first and "," not in first else ","


def _with_point(cell: str) -> str:
    """Return a number with a decimal comma as one with a point, and anything else as it is."""
    return cell.replace(",", ".") if _COMMA.fullmatch(cell.strip()) else cell


def _source(
    name: str, sources: Mapping[str, Mapped], header: Sequence[str], path: Path
) -> Mapped | None:
    found = sources.get(name)
    if found is None:
        return Mapped((name,), {}) if name in header else None
    for column in found.columns:
        if column not in header:
            raise HciError(
                with_nearest(
                    f"{path.name} has no column '{column}' (there are {', '.join(header)})",
                    column,
                    header,
                )
            )
    return found


def _condition(
    text: str, header: Sequence[str], path: Path
) -> tuple[str, Callable[[Mapping[str, str]], bool]]:
    parts = re.fullmatch(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.*?)\s*", text)
    if parts is None:
        raise HciError(f"--where {text} is no condition: write one like cond==2.")
    column, sign, wanted = parts.groups()
    if column not in header:
        raise HciError(
            with_nearest(f"{path.name} has no column '{column}' for --where", column, header)
        )
    compare, right = _COMPARISONS[sign], _maybe_number(wanted.strip("'\""))

    def test(told: Mapping[str, str]) -> bool:
        left = _maybe_number(told[column].strip())
        if isinstance(left, str) or isinstance(right, str):
            return compare(str(told[column].strip()), wanted.strip("'\""))
        return compare(left, right)

    return text.strip(), test


def _maybe_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _text(told: Mapping[str, str], source: Mapped | None) -> str | None:
    if source is None:
        return None
    words = [told[column].strip() for column in source.columns]
    return "/".join(source.values.get(word, word) for word in words)


def _number(told: Mapping[str, str], source: Mapped | None, where: str) -> list[float]:
    found = []
    for column in source.columns if source is not None else ():
        text = told[column].strip()
        if source is not None and source.values and text not in source.values:
            known = ", ".join(source.values)
            raise HciError(f"{where}, column '{column}': '{text}' is none of {known}.")
        word = source.values.get(text, text) if source is not None else text
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            hint = f"; --where '{column}!={text}' leaves such rows out" if text in _MISSING else ""
            raise HciError(f"{where}, column '{column}': '{word}' is no number{hint}.")
        found.append(value)
    return found


def _values(
    told: Mapping[str, str], column: Column, source: Mapped | None, where: str
) -> list[float]:
    found = _number(told, source, where)
    odd = [value for value in found if column.whole and not value.is_integer()]
    if odd:
        raise HciError(f"{where}, column '{column.name}': {odd[0]:g} is no whole number.")
    return found


def _array(column: Column, cells: Sequence[list[float]]) -> NDArray[Any]:
    values = np.array(cells, dtype=np.float64)
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    return flat.astype(np.int64) if column.whole else flat


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value
