"""Rows of CSV, one after the other, where a quote that is never closed costs the line that opens it and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

# Lines that a quoted cell may have; above it the quote is taken for one that was never closed.
_LONGEST_CELL = 10_000
_LONGEST_FIELD = 2**31 - 1
_DELIMITERS = (",", ";", "\t")


class _Lines:
    """Lines of a file as the reader of one row takes them: those of the row are kept until it is whole."""

    def __init__(self, stream: Iterable[str]) -> None:
        self.stream = iter(stream)
        self.waiting: deque[str] = deque()
        self.row: list[str] = []
        self.ran_out = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = None
        if len(self.row) < _LONGEST_CELL:
            line = self.waiting.popleft() if self.waiting else next(self.stream, None)
        if line is None:
            # The reader asks for more lines within a row only while a quote is open.
            self.ran_out = bool(self.row)
            raise StopIteration
        self.row.append(line)
        return line


class CsvRows:
    """The rows of a table: number of the line that each begins on, its cells, and, of one that cannot be read, the line.

    Args:
        stream: Lines with their ends.
        delimiter: What stands between cells, if the header does not show another one.
    """

    def __init__(self, stream: Iterable[str], delimiter: str) -> None:
        # The module's own limit, 131,072 characters, would refuse a whole file for one long text.
        csv.field_size_limit(_LONGEST_FIELD)
        self._lines = _Lines(stream)
        self._delimiter = delimiter
        self._number = 1

    def header(self, column: str) -> list[str]:
        """Return the names of the columns; semicolons or tabs stand between them where only that makes one of them `column`."""
        taken = next(self._lines, "")
        self._lines.row.clear()
        self._lines.waiting.appendleft(taken)
        for delimiter in dict.fromkeys((self._delimiter, *_DELIMITERS)):
            names = next(csv.reader([taken], delimiter=delimiter), [])
            if column in names:
                self._delimiter = delimiter
                break
        _, names, _ = next(iter(self), (1, [], ""))
        return names

    def __iter__(self) -> Iterator[tuple[int, list[str], str]]:
        lines = self._lines
        while True:
            # A reader for each row: only so is it known which lines are whose.
            try:
                cells, broken = next(csv.reader(lines, delimiter=self._delimiter), None), False
            except csv.Error:
                cells, broken = [], True
            taken, lines.row = lines.row, []
            if cells is None:
                return
            number, fault = self._number, ""
            if broken or lines.ran_out:
                lines.ran_out, cells, fault = False, [], taken[0].rstrip("\r\n")
                lines.waiting.extendleft(reversed(taken[1:]))
                taken = taken[:1]
            self._number += len(taken)
            yield number, cells, fault
