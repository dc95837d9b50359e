"""Output that several commands share: tables of plain text, JSON, times."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from taskloom.cli.document import DOCUMENT
from taskloom.digits import digits
from taskloom.plain import aligned, escaped


def print_json(value: object) -> None:
    """Print one JSON document, all that stdout holds under `--json`; numbers that JSON has no form for are text."""
    DOCUMENT.put(_finite(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under columns, each as wide as its widest cell; control characters are spelled out."""
    sys.stdout.write(aligned(columns, rows))


def one_line(text: str) -> str:
    """Return text without anything that a terminal obeys; it may come from the run folder of another user."""
    return escaped(text)


def number(value: float) -> str:
    """Return a number with the digits that a person reads: six, and all of a count."""
    return digits(value)


def _finite(value: object) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
