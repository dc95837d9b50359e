"""JSON of a run folder, within limits: nothing in it can exhaust the memory, overflow a number or hang a reader."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from taskloom.errors import RunCorruptError
from taskloom.records.files import damage, open_file, read_bytes
from taskloom.records.limits import CONFIG_TEXT, DEPTH, DOCUMENT, GAP, INTEGER, LINE, TEXT

_LONGEST_INTEGER = 20  # digits and sign of 2**63


def read_object(
    folder: Path, name: str, *, limit: int = DOCUMENT, longest: int = CONFIG_TEXT
) -> dict[str, Any]:
    """Return the JSON object that a file below a run folder holds.

    Args:
        folder: The run folder.
        name: The file's name below it.
        limit: Size above which the file is refused [bytes].
        longest: Length above which a text in it is refused [characters].

    Raises:
        RunCorruptError: The file cannot be read, is no JSON object, or passes a limit.
    """
    data = read_bytes(folder, name, limit)
    try:
        value = parse(data)
        check_value(value, longest)
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
    except ValueError as error:
        told = RunCorruptError(f"{folder / name} is damaged: {error}.", reason=f"{name}: {error}")
        raise told from None
    return value


def parse(data: bytes) -> object:
    """Return what JSON in UTF-8 says.

    Raises:
        ValueError: It is no JSON, is nested too deeply, or holds a number that Python alone would read.
    """
    try:
        return _DECODER.decode(data.decode())
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEPTH}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8 (byte {error.start})") from None


def check_value(value: object, longest: int = TEXT) -> None:
    """Refuse JSON that passes a limit.

    Raises:
        ValueError: It is nested too deeply, or holds a text or a number that is too large.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH:
            raise ValueError(f"it is nested deeper than {DEPTH}")
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                # Most are short and plain; the call would cost more than the look.
                if len(item) > longest or not item.isascii():
                    check_text(item, longest)
            elif isinstance(item, float):
                if not math.isfinite(item):
                    raise ValueError("it holds a number beyond the floats")
            elif isinstance(item, dict):
                for key in item:
                    if len(key) > TEXT or not key.isascii():
                        check_text(key, TEXT)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, int) and not -INTEGER <= item <= INTEGER:
                raise ValueError("it holds an integer beyond 2**63")
        level = below


def check_text(text: str, longest: int = TEXT) -> None:
    """Refuse a text that is too long, or that no other program could read.

    Raises:
        ValueError: It is longer than `longest`, or holds half of a surrogate pair.
    """
    if len(text) > longest:
        raise ValueError(f"a text of {len(text):,} characters is longer than {longest:,}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"the text {text[:40]!r} is no valid text") from None


class Lines:
    """Objects of a file of JSON lines, read one at a time.

    A missing file has no lines, and a torn last line is left out: its writer died. Lines in the middle that are damaged or
    longer than a mebibyte are left out too, and counted: those around them are worth more than a refusal.

    Args:
        folder: The run folder.
        name: The file's name below it.
        offset: Byte to begin at.
        check: What refuses a line with a ValueError.

    Attributes:
        skipped: Number of lines left out so far.
        end: Byte behind the last line that was read whole.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        offset: int = 0,
        *,
        check: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        self._folder, self._name, self._offset = folder, name, offset
        self._check = check or check_value
        self.skipped = 0
        self.end = offset

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the objects in order.

        Raises:
            RunCorruptError: The file exists but cannot be read.
        """
        try:
            file = open_file(self._folder, self._name)
        except RunCorruptError as error:
            if error.reason.endswith(" missing"):
                return
            raise
        with file:
            try:
                file.seek(max(0, self._offset))
                yield from self._objects(file)
            except OSError as error:
                raise damage(self._folder, self._name, error) from None

    def _objects(self, file: BinaryIO) -> Iterator[dict[str, Any]]:
        while raw := file.readline(LINE):
            if not raw.endswith(b"\n"):
                if len(raw) < LINE or not _pass_line(file):
                    return
                self.skipped += 1
                self.end = file.tell()
                continue
            self.end = file.tell()
            try:
                value = parse(raw)
                if not isinstance(value, dict):
                    raise ValueError("it holds no JSON object")
                self._check(value)
            except ValueError:
                self.skipped += 1
                continue
            yield value


def read_lines(folder: Path, name: str, offset: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines below a run folder; see `Lines`."""
    yield from Lines(folder, name, offset)


def _pass_line(file: BinaryIO) -> bool:
    """Go behind the next line end; false if there is none within reach."""
    for _ in range(GAP // LINE):
        rest = file.readline(LINE)
        if rest.endswith(b"\n"):
            return True
        if len(rest) < LINE:
            return False
    return False


def _integer(digits: str) -> int:
    # Before it is converted: the time for that grows with the square of the length.
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError("it holds an integer beyond 2**63")
    return int(digits)


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
