"""Transition matrices of a user: read from a file, and checked to be stochastic."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

Matrix = tuple[tuple[float, ...], ...]

MOST_TOKENS = 1024  # the exponential of a larger matrix takes seconds a step
_TOLERANCE = 1e-6  # rows are written with six digits or so


def read_transition_matrix(path: Path) -> tuple[tuple[str, ...], Matrix]:
    """Return the tokens and the matrix of a file.

    Args:
        path: `.csv` whose first row holds the tokens and whose other rows hold numbers, or `.json` with `tokens` and `matrix`.

    Raises:
        ValueError: The file cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"'{path}' cannot be read: {reason}") from None
    if path.suffix == ".json":
        return _from_json(path, text)
    if path.suffix == ".csv":
        return _from_csv(path, text)
    raise ValueError(f"'{path}' must end in .csv or .json")


def check_transition_matrix(tokens: Sequence[str], matrix: Matrix) -> None:
    """Check that every row is a probability law over the tokens.

    Raises:
        ValueError: It is not; the sentence names the row.
    """
    if len(tokens) < 2:
        raise ValueError("rate = 'matrix' needs a file, or tokens and matrix of at least 2 tokens")
    if len(tokens) > MOST_TOKENS:
        raise ValueError(f"the matrix has {len(tokens)} tokens; at most {MOST_TOKENS} are allowed")
    twice = [token for token, count in Counter(tokens).items() if count > 1]
    if twice:
        raise ValueError(f"the token '{twice[0]}' of the matrix is there twice")
    if len(matrix) != len(tokens):
        raise ValueError(f"the matrix has {len(matrix)} rows for {len(tokens)} tokens")
    for token, row in zip(tokens, matrix, strict=True):
        if len(row) != len(tokens):
            raise ValueError(
                f"row '{token}' of the matrix has {len(row)} numbers, not {len(tokens)}"
            )
        if not all(math.isfinite(p) and p >= 0 for p in row):
            wrong = next(p for p in row if not (math.isfinite(p) and p >= 0))
            raise ValueError(f"row '{token}' of the matrix has {wrong}, which is no probability")
        if abs(math.fsum(row) - 1) > _TOLERANCE:
            raise ValueError(f"row '{token}' of the matrix sums to {math.fsum(row):.6g}, not 1")


def _from_json(path: Path, text: str) -> tuple[tuple[str, ...], Matrix]:
    try:
        data = json.loads(text)
        tokens = tuple(str(token) for token in data["tokens"])
        return tokens, tuple(tuple(float(p) for p in row) for row in data["matrix"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'\'{path}\' must hold {{"tokens": [...], "matrix": [[...]]}}') from None


def _from_csv(path: Path, text: str) -> tuple[tuple[str, ...], Matrix]:
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise ValueError(f"'{path}' is empty; its first row must hold the tokens")
    numbers: list[tuple[float, ...]] = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            numbers.append(tuple(float(p) for p in row))
        except ValueError:
            raise ValueError(f"'{path}' has something that is no number in row {line}") from None
    return tuple(rows[0]), tuple(numbers)
