"""Grammar of values as text, before any type is known: lists, quotation marks, brackets and ranges.

    list   = [ item { "," item } ]     item = quoted | nested | range | bare
    quoted = a JSON string             nested = "[" ... "]", "{" ... "}" or "(" ... ")", balanced
    range  = int ":" int [ ":" int ]   bare = characters without a comma outside of brackets; spaces at both ends are dropped

A quotation mark opens only at the beginning of an item: `it"s` is bare. Everything that reads or writes a value as text does so
through here: options, sweeps, variables of the environment, strings in files, echoes, completions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NoReturn

MOST = 100_000
"""Values that a range may have."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_DEEPEST = 100
_DECODER = json.JSONDecoder(strict=False)


class UnreadableValueError(ValueError):
    """A value that is not even of the right form; the message completes the sentence "`--x=1` ..."."""


def split(text: str) -> list[str]:
    """Return the items of a list as they are written, without the spaces around them.

        >>> split('a, "b,c", [1,2]')
        ['a', '"b,c"', '[1,2]']

    Raises:
        UnreadableValueError: A quotation mark or a bracket is not closed.
    """
    items: list[str] = []
    place = 0
    while True:
        end = _end_of_item(text, place)
        items.append(text[place:end].strip())
        if end == len(text):
            return items
        place = end + 1


def items_of(text: str) -> list[str]:
    """Return the items of a list that may stand in brackets; a text of spaces has none.

        >>> items_of("[1, 2]"), items_of("1, 2"), items_of("[1],[2]"), items_of("")
        (['1', '2'], ['1', '2'], ['[1]', '[2]'], [])

    Raises:
        UnreadableValueError: A quotation mark or a bracket is not closed.
    """
    plain = text.strip()
    if is_bracketed(plain):
        plain = plain[1:-1].strip()
    return split(plain) if plain else []


def is_bracketed(text: str) -> bool:
    """Return whether one pair of square brackets holds the whole text."""
    return text.startswith("[") and text.endswith("]") and _closing(text, 0) == len(text) - 1


def unquoted(text: str) -> str | None:
    """Return the text that one whole JSON string stands for; None for everything else.

    >>> unquoted('"a, b"'), unquoted('"a" and "b"'), unquoted("a")
    ('a, b', None, None)
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return None
    try:
        found, end = _DECODER.raw_decode(text)
    except ValueError:
        return None
    return found if end == len(text) else None


def quoted(text: str) -> str:
    """Return a text as a JSON string, with nothing in it that a terminal obeys."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain if plain.isprintable() else json.dumps(text)


def bare_item(text: str) -> bool:
    """Return whether a text may stand as an item of a list without quotation marks."""
    if (
        not text
        or text[0] == '"'
        or text != text.strip()
        or any(sign in text for sign in ",[](){}")
    ):
        return False
    return text.isprintable()


def split_path(path: str) -> list[str]:
    """Return the names of a dotted path; a name with dots or spaces in it stands in quotation marks.

        >>> split_path('table."a.b"'), split_path("layers.0.width")
        (['table', 'a.b'], ['layers', '0', 'width'])

    Raises:
        UnreadableValueError: A quotation mark is not closed.
    """
    names: list[str] = []
    place = 0
    while True:
        if path[place : place + 1] == '"':
            end = _end_of_string(path, place)
            mark = "!" if path[end:] == "!" else ""
            names.append(f"{unquoted(path[place:end])}{mark}")
            end += len(mark)
            if end < len(path) and path[end] != ".":
                raise UnreadableValueError(
                    f"a dot must follow the quoted name at character {place + 1}"
                )
        else:
            end = path.find(".", place)
            end = len(path) if end < 0 else end
            names.append(path[place:end])
        if end == len(path):
            return names
        place = end + 1


def join_path(names: Sequence[str]) -> str:
    """Return the dotted path of some names: the inverse of `split_path`."""
    return ".".join(
        name
        if name and not any(sign in name for sign in '."= !') and name.isprintable()
        else quoted(name)
        for name in names
    )


def split_option(word: str) -> tuple[str, bool, str]:
    """Return the name of an option, whether `=` follows it, and the text behind; a quoted name may hold `=`.

    >>> split_option('--table."a=b"=3')
    ('--table."a=b"', True, '3')
    """
    is_open = False
    for place, sign in enumerate(word):
        if sign == '"' and word[place - 1] != "\\":
            is_open = not is_open
        elif sign == "=" and not is_open:
            return word[:place], True, word[place + 1 :]
    name, equals, value = word.partition("=")
    return name, bool(equals), value


def read_json(text: str) -> object:
    """Parse JSON without its extensions: no NaN, no Infinity, no key twice.

    Raises:
        UnreadableValueError: It is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise UnreadableValueError("is nested too deeply") from None
    except UnreadableValueError:
        raise
    except ValueError as error:  # JSONDecodeError, and integers beyond the interpreter's limit
        raise UnreadableValueError(f"is not valid JSON ({_json_reason(error)})") from None


def range_of(text: str, *, integers: bool = False) -> list[str] | None:
    """Return the values of `low:high` or `low:high:step` as texts, the end left out; None for what is no range.

        >>> range_of("0:3"), range_of("0:1:0.25"), range_of("c:/data")
        (['0', '1', '2'], ['0.0', '0.25', '0.5', '0.75'], None)

    Args:
        text: What was written.
        integers: Whether ends that are no integers make no range.

    Raises:
        UnreadableValueError: It has no values, or too many.
    """
    ends = text.split(":")
    numbers = [number_of(end) for end in ends]
    if len(ends) not in (2, 3) or None in numbers:
        return None
    whole = all(is_integer(end) for end in ends)
    if integers and not whole:
        return None
    low, high, step = (*[number or 0.0 for number in numbers], 1.0)[:3]
    if step == 0 or not all(math.isfinite(number) for number in (low, high, step)):
        raise UnreadableValueError("a range needs finite ends and a step that is not 0")
    if whole:
        found = range(int(ends[0]), int(ends[1]), int(ends[2]) if len(ends) == 3 else 1)
        _check_count(len(found) if abs(high - low) < 1e15 else MOST + 1)
        return [str(number) for number in found]
    # The slack keeps 0:1:0.1 at ten values although 0.1 has no exact binary form.
    count = math.ceil((high - low) / step - 1e-9)
    _check_count(count)
    # Rounded to the digits that were written: 0:1:0.1 means 0.3, not 0.30000000000000004.
    digits = max(len(end.partition(".")[2]) if "e" not in end.lower() else 17 for end in ends)
    return [repr(round(low + index * step, digits)) for index in range(count)]


def number_of(text: str) -> float | None:
    """Return the number that a text is, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def is_integer(text: str) -> bool:
    """Return whether a text is written as an integer of at most 18 digits."""
    digits = text.strip().lstrip("+-")
    return digits.isdecimal() and len(digits) <= 18


def one_of(names: Sequence[str]) -> str:
    """Return the end of a sentence that lists what is allowed."""
    return (
        f"must be one of {', '.join(name if bare_item(name) else quoted(name) for name in names)}"
    )


def _check_count(count: int) -> None:
    if not 0 < count <= MOST:
        raise UnreadableValueError(
            f"the range holds {max(count, 0)} values; it must hold 1 to {MOST}"
        )


def _end_of_item(text: str, place: int) -> int:
    """Return where the item that begins at a place ends: at a comma, or at the end of the text."""
    start = place
    while start < len(text) and text[start].isspace():
        start += 1
    if start < len(text) and text[start] == '"':
        end = _end_of_string(text, start)
        while end < len(text) and text[end].isspace():
            end += 1
        if end < len(text) and text[end] != ",":
            raise UnreadableValueError(
                f"a comma must follow the quoted text at character {start + 1}"
            )
        return end
    while start < len(text) and text[start] != ",":
        start = _closing(text, start) + 1 if text[start] in _PAIRS else start + 1
    return start


def _end_of_string(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise UnreadableValueError(f"the quotation mark at character {start + 1} is not closed")
    if unquoted(text[start : end + 1]) is None:
        raise UnreadableValueError(f"the quoted text at character {start + 1} is no JSON string")
    return end + 1


def _closing(text: str, start: int) -> int:
    """Return where the bracket at a place is closed."""
    waiting: list[str] = []
    begins, place = True, start
    while place < len(text):
        sign = text[place]
        if sign == '"' and begins:
            place = _end_of_string(text, place)
            begins = False
            continue
        if sign in _PAIRS:
            waiting.append(_PAIRS[sign])
            if len(waiting) > _DEEPEST:
                raise UnreadableValueError("is nested too deeply")
        elif sign == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
        begins = sign in "[{(,:" or (begins and sign.isspace())
        place += 1
    raise UnreadableValueError(f"the bracket at character {start + 1} is not closed")


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableValueError(f"holds {name}, which is not a finite number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableValueError(f"names '{twice}' twice")
    return found


def _json_reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]}, line {error.lineno} column {error.colno}"
    return "a number in it is too long"
