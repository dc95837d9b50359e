"""Metric lines of a run, read one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taskloom.records.checks import decode_number
from taskloom.records.documents import Lines, check_text
from taskloom.records.limits import NAME

FILE = "metrics.jsonl"
_MOST_NAMES = 10_000  # remembered; ten times what a run may log


class MetricLines:
    """Metric lines of a run in order, each with `step` and `t`, the running time [s].

    Args:
        folder: The run's folder.
        offset: Byte to begin at: the end of a line.

    Attributes:
        skipped: Number of damaged lines that were left out when the lines were last read to the end.
        end: Byte behind the last line that was read.
    """

    def __init__(self, folder: Path, offset: int = 0) -> None:
        self._folder = folder
        self._offset = offset
        self.skipped = 0
        self.end = offset

    def __iter__(self) -> Iterator[dict[str, float]]:
        """Yield the lines; what is no number in one is left out.

        Raises:
            RunCorruptError: The file exists but cannot be read.
        """
        names: set[str] = set()

        def check(line: dict[str, Any]) -> None:
            # A million lines share a few names, and what is inside a value that is no number does not matter.
            for name in line.keys() - names:
                check_text(name, NAME)
                if len(names) < _MOST_NAMES:
                    names.add(name)

        lines = Lines(self._folder, FILE, self._offset, check=check)
        for line in lines:
            self.end = lines.end
            yield _numbers(line)
        self.skipped, self.end = lines.skipped, lines.end


def _numbers(line: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, float):
            # 1e999 is no number that was measured: the infinities are words.
            if math.isfinite(value):
                found[name] = value
            continue
        number = decode_number(value)
        if number is not None:
            found[name] = number
    return found
