"""Regular expressions over text, read by a parser of our own and turned into sets of states: whole texts match, or do not.

Literals, `.`, classes such as `[a-z]` and `[^()]`, `|`, groups, `* + ? {m} {m,} {m,n}`, and punctuation behind a backslash.
There is nothing here that a finite automaton cannot do: no look-around and no back-references.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from taskloom.errors import ConfigError

_SPECIAL = "\\.[]|()*+?{}^$"
# Repeats are copies of a part: of many large ones nothing would be left of the memory.
_MOST_REPEATS, _MOST_STATES = 256, 20_000
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SETS = {"d": "0123456789", "s": " \t\n\r\f\v"}


@dataclass(frozen=True)
class Letters:
    """A set of characters, or of all but these."""

    members: frozenset[str]
    inverted: bool = False

    def holds(self, character: str) -> bool:
        """Return whether a character is one of them."""
        return (character in self.members) != self.inverted


@dataclass(frozen=True)
class RepeatedPart:
    """A part that stands several times.

    Attributes:
        part: The part.
        least: Times at least.
        most: Times at most; None is any number.
    """

    part: Part
    least: int
    most: int | None


Part: TypeAlias = "Letters | RepeatedPart | Sequence[Sequence[Part]]"
"""A part of an expression: characters, repeats, or a group of alternatives, each of them parts in a row."""


@dataclass
class Pattern:
    """A nondeterministic automaton of a regular expression (Thompson 1968).

    Attributes:
        text: The expression.
        inverted: Whether the texts are meant that do not match.
        empty: For each state, the states that nothing has to be read for.
        reads: For each state, the characters that lead on, and where to.
        last: The state in which a text matches.
    """

    text: str
    inverted: bool = False
    empty: list[list[int]] = field(default_factory=list)
    reads: list[list[tuple[Letters, int]]] = field(default_factory=list)
    last: int = 0

    @property
    def start(self) -> frozenset[int]:
        """The states before the first character."""
        return self.closure([0])

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """Return states with all that can be reached from them without reading."""
        found, waiting = set[int](), list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += self.empty[state]
        return frozenset(found)

    def step(self, states: frozenset[int], character: str) -> frozenset[int]:
        """Return the states after one more character."""
        return self.closure(
            target
            for state in states
            for letters, target in self.reads[state]
            if letters.holds(character)
        )

    def matches(self, text: str) -> bool:
        """Return whether a whole text matches, as `re.fullmatch` would say."""
        states = self.start
        for character in text:
            states = self.step(states, character)
        return (self.last in states) != self.inverted

    def new(self) -> int:
        """Return one more state.

        Raises:
            ConfigError: There are too many: repeats of repeats are copies of copies.
        """
        if len(self.empty) >= _MOST_STATES:
            raise ConfigError(
                f"constraint 'regex:{self.text}' has repeats of repeats that come to more than {_MOST_STATES:,} parts"
            )
        self.empty.append([])
        self.reads.append([])
        return len(self.empty) - 1

    def add(self, part: Part, start: int) -> int:
        """Add a part behind a state, and return the state behind it."""
        if isinstance(part, RepeatedPart):
            return self._add_repeated(part, start)
        end = self.new()
        if isinstance(part, Letters):
            self.reads[start].append((part, end))
            return end
        for parts in part:
            # A state of its own: a loop inside must not lead back to before the group.
            here = self.new()
            self.empty[start].append(here)
            for inner in parts:
                here = self.add(inner, here)
            self.empty[here].append(end)
        return end

    def _add_repeated(self, part: RepeatedPart, start: int) -> int:
        here = start
        for _ in range(part.least):
            here = self.add(part.part, here)
        if part.most is None:
            loop = self.new()
            self.empty[here].append(loop)
            self.empty[self.add(part.part, loop)].append(loop)
            out = self.new()
            self.empty[loop].append(out)
            return out
        out = self.new()
        self.empty[here].append(out)
        for _ in range(part.most - part.least):
            # From every copy on the rest may be left out.
            fresh = self.new()
            self.empty[here].append(fresh)
            here = self.add(part.part, fresh)
            self.empty[here].append(out)
        return out


def pattern(text: str, *, inverted: bool = False) -> Pattern:
    """Return the automaton of a regular expression.

    Args:
        text: The expression.
        inverted: Whether the texts are meant that do not match.

    Raises:
        ConfigError: It cannot be read, or asks for what no automaton can do; the place is named.
    """
    parser = _Parser(text)
    parts = parser.alternatives()
    if parser.at < len(text):
        raise parser.fault("')' closes no group")
    found = Pattern(text, inverted)
    found.last = found.add(parts, found.new())
    return found


def escaped(text: str) -> str:
    """Return an expression that matches this text alone."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text)


class _Parser:
    """A recursive descent over the expression."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fault(self, what: str) -> ConfigError:
        return ConfigError(
            f"constraint 'regex:{self.text}': {what} at character {self.at + 1}; allowed are literals, '.', [classes], '|', "
            "(groups), * + ? {m,n}, and punctuation behind a backslash"
        )

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def alternatives(self) -> list[list[Part]]:
        found = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            found.append(self.sequence())
        return found

    def sequence(self) -> list[Part]:
        found: list[Part] = []
        while self.peek() not in ("", "|", ")"):
            found.append(self.repeated())
        return found

    def repeated(self) -> Part:
        part = self.single()
        least, most = self.repeats()
        if (least, most) == (1, 1):
            return part
        if self.peek() and self.peek() in "*+?{":
            raise self.fault("a repeat of a repeat stands")
        return RepeatedPart(part, least, most)

    def repeats(self) -> tuple[int, int | None]:
        """Return the least and the most repeats that stand here; None is any number."""
        sign = self.peek()
        if sign and sign in "*+?":
            self.at += 1
            return int(sign == "+"), 1 if sign == "?" else None
        if sign != "{":
            return 1, 1
        close = self.text.find("}", self.at)
        inside = self.text[self.at + 1 : close] if close > 0 else ""
        low, comma, high = inside.partition(",")
        if not low.isdecimal() or (high and not high.isdecimal()):
            raise self.fault("'{' begins no number of repeats")
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise self.fault(f"'{{{inside}}}' is no number of repeats up to {_MOST_REPEATS}")
        self.at = close + 1
        return least, most

    def single(self) -> Part:
        """Read a group, a class or a character."""
        if self.peek() != "(":
            return self.letters()
        self.at += 1
        if self.peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise self.fault("a look-around or a named group stands, which no automaton has,")
            self.at += 2
        found = self.alternatives()
        if self.peek() != ")":
            raise self.fault("a group is not closed")
        self.at += 1
        return found

    def letters(self) -> Letters:
        sign = self.peek()
        if sign in ("*", "+", "?", "{", "^", "$", "]", "}"):
            raise self.fault(f"'{sign}' stands for itself only behind a backslash, and")
        self.at += 1
        if sign == ".":
            return Letters(frozenset("\n"), inverted=True)
        if sign == "[":
            return self.members()
        return self.escape() if sign == "\\" else Letters(frozenset(sign))

    def escape(self) -> Letters:
        sign = self.peek()
        self.at += 1
        if sign in _ESCAPES:
            return Letters(frozenset(_ESCAPES[sign]))
        if sign in _SETS:
            return Letters(frozenset(_SETS[sign]))
        if not sign or sign.isalnum():
            self.at -= 1
            raise self.fault(f"'\\{sign}' is none of the escapes that there are")
        return Letters(frozenset(sign))

    def members(self) -> Letters:
        inverted = self.peek() == "^"
        self.at += inverted
        found: set[str] = set()
        first = self.at
        while self.peek() != "]" or self.at == first:
            if not self.peek():
                raise self.fault("a class is not closed")
            low = self.member()
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.member()
                if len(low) != 1 or len(high) != 1 or max(low) > max(high):
                    raise self.fault("a range does not go up")
                found |= {chr(code) for code in range(ord(max(low)), ord(max(high)) + 1)}
            else:
                found |= low
        self.at += 1
        return Letters(frozenset(found), inverted)

    def member(self) -> frozenset[str]:
        sign = self.peek()
        self.at += 1
        return self.escape().members if sign == "\\" else frozenset(sign)
