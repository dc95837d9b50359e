"""Conditions on properties as a user writes them: `tpsa<90 and 200<weight<500`, read by a parser of our own, never evaluated.

Names of properties, numbers, comparisons that may be chained, `and`, `or`, `not`, and brackets.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.guidance.descriptors import NAMES

_WORD = re.compile(
    r"\s*(<=|>=|==|!=|<|>|=|\(|\)|-?\d+\.?\d*(?:[eE][+-]?\d+)?|-?\.\d+|[A-Za-z_]\w*)"
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"=": operator.eq, "==": operator.eq, "!=": operator.ne},
}
Test: TypeAlias = Callable[[Mapping[str, float]], bool]


@dataclass(frozen=True)
class Where:
    """A condition on the properties of a molecule.

    Attributes:
        text: As it was written.
        names: Properties that it is about, in the order in which they stand.
        holds: Whether it is true of their values.

    Example:
        >>> where("tpsa<90 and not 200<weight<=500").holds({"tpsa": 80.0, "weight": 600.0})
        True
    """

    text: str
    names: tuple[str, ...]
    holds: Test


def where(text: str) -> Where:
    """Return a condition.

    Raises:
        ConfigError: It cannot be read, or names a property that there is not.
    """
    parser = _Parser(text)
    test = parser.any_of()
    if parser.words:
        raise parser.fault(f"'{parser.words[0]}' stands where nothing may")
    return Where(text, tuple(dict.fromkeys(parser.names)), test)


class _Parser:
    """A recursive descent: `or` binds least, then `and`, then `not`, then comparisons."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[str] = []
        self.words: list[str] = []
        at = 0
        while text[at:].strip():
            found = _WORD.match(text, at)
            if found is None:
                raise self.fault(
                    f"'{text[at:].strip()[0]}' at character {at + 1} is no part of one"
                )
            self.words.append(found[1])
            at = found.end()

    def fault(self, what: str, near: str = "") -> ConfigError:
        return ConfigError(
            f"where '{self.text}': {what}; write for instance \"tpsa<90 and 200<weight<500\"{'; ' * bool(near)}{near}"
        )

    def peek(self) -> str:
        return self.words[0] if self.words else ""

    def any_of(self) -> Test:
        parts = [self.all_of()]
        while self.peek() == "or":
            self.words.pop(0)
            parts.append(self.all_of())
        return lambda values: any(part(values) for part in parts)

    def all_of(self) -> Test:
        parts = [self.one()]
        while self.peek() == "and":
            self.words.pop(0)
            parts.append(self.one())
        return lambda values: all(part(values) for part in parts)

    def one(self) -> Test:
        word = self.peek()
        if word == "not":
            self.words.pop(0)
            inner = self.one()
            return lambda values: not inner(values)
        if word == "(":
            self.words.pop(0)
            inner = self.any_of()
            if self.peek() != ")":
                raise self.fault("a bracket is not closed")
            self.words.pop(0)
            return inner
        return self.compared()

    def compared(self) -> Test:
        terms, signs = [self.term()], []
        while self.peek() in _SIGNS:
            signs.append(_SIGNS[self.words.pop(0)])
            terms.append(self.term())
        if not signs:
            raise self.fault("a comparison is missing")

        def test(values: Mapping[str, float]) -> bool:
            numbers = [term(values) for term in terms]
            pairs = zip(signs, numbers, numbers[1:], strict=False)
            return all(sign(left, right) for sign, left, right in pairs)

        return test

    def term(self) -> Callable[[Mapping[str, float]], float]:
        word = self.words.pop(0) if self.words else ""
        if word[:1].isalpha() and word not in ("and", "or", "not"):
            if word not in NAMES:
                near = did_you_mean(word, NAMES)
                raise self.fault(f"'{word}' is none of {', '.join(NAMES)}", near)
            self.names.append(word)
            return lambda values: values[word]
        try:
            number = float(word)
        except ValueError:
            raise self.fault(f"'{word}' stands where a property or a number must") from None
        return lambda _: number
