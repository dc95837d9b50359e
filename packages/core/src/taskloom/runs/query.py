"""Filters and orders over run records: `metrics.auroc/fused > 0.9 and status == finished`, `-metrics.auroc/fused`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskloom.errors import UsageError
from taskloom.records.checks import decode_number
from taskloom.registry.suggest import closest
from taskloom.runs.rows import FIELDS as OF_ROWS

Document = Mapping[str, Any]
Predicate = Callable[[Document], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<punctuation>[()])
    |(?P<operator><=|>=|==|!=|=|<|>|~)
    |"(?P<double>[^"]*)"|'(?P<single>[^']*)'
    |(?P<word>[^\s()<>=!~"']+))""",
    re.VERBOSE,
)
_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_INNER = {"metrics": "metrics.NAME", "config": "config.PARAMETER"}
FIELDS = (*(_INNER.get(name, name) for name in OF_ROWS), "stale")
_NUMBERS = ("metrics", "duration")
EXAMPLE = "status = finished and metrics.auroc/fused > 0.9"
"""A filter as help and the viewer show it; a test holds it to records of a shipped task."""
_MOST_TOKENS = 1000
_DEEPEST = 50
_LONGEST_FIELD = 1000  # characters


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse_filter(text: str) -> Predicate:
    """Turn a filter into a predicate over records.

    A comparison is `FIELD OP VALUE` with one of `= == != < <= > >= ~` (`~` means contains); comparisons combine with `and`,
    `or`, `not` and parentheses. Numbers compare as numbers, everything else as text. A record without the field satisfies no
    comparison but `!=`.

    Raises:
        UsageError: The text is no filter.
    """
    return _Parser(text).parse()


def asks_for(text: str, field: str) -> bool:
    """Return whether a filter asks for a field."""
    return any(token.kind == "word" and token.text == field for token in _Parser(text).tokens)


def fields_in(filters: Sequence[str], order: str = "") -> frozenset[str]:
    """Return the fields that filters and an order ask for, and perhaps words that only look like one."""
    words = {
        token.text for text in filters for token in _Parser(text).tokens if token.kind == "word"
    }
    return frozenset(
        word for word in (*words, order.removeprefix("-")) if word.partition(".")[0] in OF_ROWS
    )


def absent_fields(text: str, documents: Sequence[Document]) -> list[str]:
    """Return the metrics and parameters that a filter asks for and no record has: perhaps they are misspelt."""
    asked = [token for token in _Parser(text).tokens if token.kind == "word"]
    return [
        token.text
        for token in asked
        if token.text.startswith(("metrics.", "config."))
        and all(value_at(document, token.text) is None for document in documents)
    ]


def value_at(document: Document, path: str) -> object:
    """Return the value at a dotted path; None if there is none. Names with dots in them are found too."""
    if path in document:
        return document[path]
    position = path.find(".")
    while position >= 0:
        inner = document.get(path[:position])
        if isinstance(inner, Mapping):
            found = value_at(inner, path[position + 1 :])
            if found is not None:
                return found
        position = path.find(".", position + 1)
    return None


def sort_documents(documents: list[Document], order: str) -> list[Document]:
    """Sort by the value at a path, falling if it begins with `-`; records without the value come last."""
    path, falling = order.removeprefix("-"), order.startswith("-")
    _check_path(path)
    present: list[tuple[tuple[int, float, str], Document]] = []
    absent: list[Document] = []
    for document in documents:
        key = _sortable(value_at(document, path))
        if key is None:
            absent.append(document)
        else:
            present.append((key, document))
    present.sort(key=lambda pair: pair[0], reverse=falling)
    return [document for _, document in present] + absent


def _sortable(value: object) -> tuple[int, float, str] | None:
    """Numbers come before texts; NaN, which has no place, counts as missing."""
    if value is None:
        return None
    number = decode_number(value)
    if number is None:
        return (1, 0.0, _as_text(value))
    return None if math.isnan(number) else (0, number, "")


class _Parser:
    """A recursive descent over: or -> and -> not -> comparison."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._tokens = self._tokenise(text)
        self.tokens = tuple(self._tokens)

    def parse(self) -> Predicate:
        predicate = self._any()
        if self._tokens:
            raise self._error(f"'{self._tokens[0].text}' is unexpected")
        return predicate

    def _tokenise(self, text: str) -> list[_Token]:
        tokens, position = [], 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(f"it cannot be read at {text[position:].strip()[:20]!r}")
            kind = str(match.lastgroup)
            tokens.append(_Token("text" if kind in ("double", "single") else kind, match[kind]))
            if len(tokens) > _MOST_TOKENS:
                raise self._error(f"it has more than {_MOST_TOKENS} words and signs")
            position = match.end()
        return tokens

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._take_word("or"):
            parts.append(self._all())
        return (
            parts[0] if len(parts) == 1 else lambda document: any(part(document) for part in parts)
        )

    def _all(self) -> Predicate:
        parts = [self._not()]
        while self._take_word("and"):
            parts.append(self._not())
        return (
            parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)
        )

    def _not(self) -> Predicate:
        if self._take_word("not"):
            inner = self._nested(self._not)
            return lambda document: not inner(document)
        if self._tokens and self._tokens[0] == _Token("punctuation", "("):
            self._tokens.pop(0)
            inner = self._nested(self._any)
            if not self._tokens or self._tokens.pop(0) != _Token("punctuation", ")"):
                raise self._error("a parenthesis is not closed")
            return inner
        return self._comparison()

    def _nested(self, read: Callable[[], Predicate]) -> Predicate:
        """Read what stands inside, as deep as the predicates that call each other may go."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"it is nested deeper than {_DEEPEST}")
        predicate = read()
        self._depth -= 1
        return predicate

    def _comparison(self) -> Predicate:
        path = self._next("word", "a field").text
        sign = self._next("operator", "an operator").text
        value = self._tokens.pop(0) if self._tokens else None
        if value is None or value.kind not in ("word", "text"):
            raise self._error(f"a value is missing after '{path} {sign}'")
        _check_path(path)
        return _compare(path, sign, value.text)

    def _next(self, kind: str, what: str) -> _Token:
        if not self._tokens or self._tokens[0].kind != kind:
            found = f" before '{self._tokens[0].text}'" if self._tokens else " at its end"
            raise self._error(f"{what} is missing{found}")
        return self._tokens.pop(0)

    def _take_word(self, word: str) -> bool:
        if self._tokens and self._tokens[0].kind == "word" and self._tokens[0].text.lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _error(self, reason: str) -> UsageError:
        shown = self._text if len(self._text) <= 200 else f"{self._text[:200]}..."
        return UsageError(
            f"The filter {shown!r} is no filter: {reason}.",
            hint=f"Write it like: {EXAMPLE}",
        )


def _check_path(path: str) -> None:
    if len(path) > _LONGEST_FIELD:
        raise UsageError(
            f"The field '{path[:40]}...' is longer than {_LONGEST_FIELD} characters; runs have {', '.join(FIELDS)}."
        )
    first = path.partition(".")[0]
    known = [field.partition(".")[0] for field in FIELDS]
    if first not in known or ("." in path) != (first in ("metrics", "config")):
        near = closest(first, known)
        raise UsageError(
            f"Runs have no field '{path}'; they have {', '.join(FIELDS)}.",
            hint=f"Did you mean '{near}'?" if near else "",
        )


def _compare(path: str, sign: str, text: str) -> Predicate:
    wanted = _number(text)
    if sign in _ORDERINGS:
        compare = _ORDERINGS[sign]
        if wanted is None and path.partition(".")[0] in _NUMBERS:
            raise UsageError(f"'{path} {sign} {text}': {text!r} is no number, and '{path}' is one.")
        if wanted is None:
            return lambda document: _text_order(value_at(document, path), compare, text)
        return lambda document: _number_order(value_at(document, path), compare, wanted)
    if sign == "~":
        return lambda document: _contains(value_at(document, path), text)
    if sign == "!=":
        return lambda document: not _equals(value_at(document, path), text, wanted)
    return lambda document: _equals(value_at(document, path), text, wanted)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number_order(value: object, compare: Callable[[Any, Any], bool], wanted: float) -> bool:
    number = decode_number(value)
    return number is not None and compare(number, wanted)


def _text_order(value: object, compare: Callable[[Any, Any], bool], wanted: str) -> bool:
    return isinstance(value, str) and compare(value, wanted)


def _contains(value: object, text: str) -> bool:
    if isinstance(value, list):
        return any(text in _as_text(item) for item in value)
    return value is not None and text in _as_text(value)


def _equals(value: object, text: str, wanted: float | None) -> bool:
    if isinstance(value, list):
        return any(_equals(item, text, wanted) for item in value)
    number = decode_number(value)
    if number is not None and wanted is not None:
        return number == wanted
    return value is not None and _as_text(value) == text


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
