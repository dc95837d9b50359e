"""From what a user wrote to the points of a sweep: products, pairs and samples of parameter values, as text."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TypeAlias

from taskloom.errors import ConfigError, UsageError
from taskloom.seeding import derive_seed

MOST = 100_000
Point: TypeAlias = dict[str, str]
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Choices:
    """Values to take one after the other."""

    values: tuple[str, ...]

    def draw(self, generator: random.Random) -> str:
        """Return one of the values, each equally likely."""
        return generator.choice(self.values)


@dataclass(frozen=True, slots=True)
class Span:
    """A range to draw from.

    Attributes:
        low: Its lower end.
        high: Its upper end, which can be drawn too.
        is_log: Whether the logarithm is uniform.
        is_integer: Whether both ends are written as integers; then integers are drawn, each equally likely if not `is_log`.
    """

    low: float
    high: float
    is_log: bool
    is_integer: bool

    def draw(self, generator: random.Random) -> str:
        """Return one value."""
        if self.is_integer and not self.is_log:
            return str(generator.randint(int(self.low), int(self.high)))
        if self.is_log:
            value = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = generator.uniform(self.low, self.high)
        # exp(log(x)) may end a rounding error outside.
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.is_integer else repr(value)


Axis: TypeAlias = Choices | Span


@dataclass(frozen=True, slots=True)
class Plan:
    """Points of a sweep.

    Attributes:
        axes: Values by parameter.
        points: Combinations written out one by one; each is combined with the axes.
        is_zip: Whether the axes are paired instead of multiplied.
        sample: How many points to draw; 0 means all combinations.
        sample_seed: Seed of the draws.
    """

    axes: Mapping[str, Axis] = field(default_factory=dict)
    points: Sequence[Point] = ()
    is_zip: bool = False
    sample: int = 0
    sample_seed: int = 0

    def expand(self) -> list[Point]:
        """Return every point, in order, without repetitions.

        Raises:
            UsageError: The plan contradicts itself, or is too large.
        """
        combined = self._combine()
        listed = self.points or [{}]
        if len(listed) * len(combined) > MOST:
            raise UsageError(
                f"The sweep has {len(listed) * len(combined)} points; at most {MOST} are allowed."
            )
        points = [{**point, **axes} for point in listed for axes in combined]
        unique = {json.dumps(point, sort_keys=True): point for point in points}
        return list(unique.values())

    def _combine(self) -> list[Point]:
        if self.sample:
            return self._draw()
        spans = [path for path, axis in self.axes.items() if isinstance(axis, Span)]
        if spans:
            raise UsageError(
                f"--{spans[0]} is a range to draw from; say how often with --sample N."
            )
        columns = [axis.values for axis in self.axes.values() if isinstance(axis, Choices)]
        if self.is_zip:
            return self._pair(columns)
        if math.prod(len(column) for column in columns) > MOST:
            raise UsageError(f"The sweep has more than {MOST} points.")
        return [dict(zip(self.axes, values, strict=True)) for values in product(*columns)]

    def _pair(self, columns: Sequence[tuple[str, ...]]) -> list[Point]:
        lengths = {path: len(column) for path, column in zip(self.axes, columns, strict=True)}
        long = {path: length for path, length in lengths.items() if length > 1}
        if len(set(long.values())) > 1:
            shown = ", ".join(f"--{path} has {length}" for path, length in long.items())
            raise UsageError(f"--zip pairs values one to one, but {shown}.")
        rows = max(lengths.values(), default=1)
        full = [column * rows if len(column) == 1 else column for column in columns]
        return [
            dict(zip(self.axes, values, strict=True)) for values in zip(*full, strict=True)
        ] or [{}]

    def _draw(self) -> list[Point]:
        if self.is_zip:
            raise UsageError("--zip and --sample exclude each other.")
        # One stream for each parameter: adding a parameter leaves the draws of the others alone.
        streams = {path: random.Random(derive_seed(self.sample_seed, path)) for path in self.axes}
        return [
            {path: axis.draw(streams[path]) for path, axis in self.axes.items()}
            for _ in range(self.sample)
        ]


def values_of(points: Sequence[Point]) -> dict[str, list[str]]:
    """Return every value that any point gives to each parameter."""
    values: dict[str, dict[str, None]] = {}
    for point in points:
        for path, text in point.items():
            values.setdefault(path, {})[text] = None
    return {path: list(texts) for path, texts in values.items()}


def parse_axis(path: str, text: str, *, is_number: bool = True, is_integer: bool = True) -> Axis:
    """Read the values of one parameter; only one that is a number has ranges.

    `a,b,c` are values (commas inside brackets and quotes do not count); `0:5` is 0, 1, 2, 3, 4 and `0:1:0.25` is 0, 0.25, 0.5,
    0.75, the end left out as in Python; `log:1e-4:1e-1` and `linear:0:1` are ranges for `--sample`.

    Args:
        path: The parameter.
        text: Its values.
        is_number: Whether it is a number.
        is_integer: Whether it takes integers alone; if it may, and both ends are written as integers, integers are drawn.

    Raises:
        ConfigError: A range cannot be read, or has no values.
    """
    kind, colon, rest = text.partition(":")
    if not is_number:
        return Choices(tuple(split_values(text)))
    if colon and kind in ("log", "linear"):
        span = _parse_span(path, text, rest, is_log=kind == "log")
        return replace(span, is_integer=span.is_integer and is_integer)
    values = [value for part in split_values(text) for value in _expand_range(path, part)]
    return Choices(tuple(values))


def split_values(text: str) -> list[str]:
    """Split at the commas that stand outside of brackets and quotes."""
    parts, open_brackets, quote = [""], [], ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _PAIRS:
            open_brackets.append(_PAIRS[letter])
        elif open_brackets and letter == open_brackets[-1]:
            open_brackets.pop()
        elif letter == "," and not open_brackets:
            parts.append("")
            continue
        parts[-1] += letter
    return parts


def _expand_range(path: str, text: str) -> list[str]:
    ends = text.split(":")
    numbers = [_number(end) for end in ends]
    if len(ends) not in (2, 3) or None in numbers:
        return [text]  # a text that happens to hold a colon
    low, high, step = (*[number or 0.0 for number in numbers], 1.0)[:3]
    if step == 0 or not all(math.isfinite(number) for number in (low, high, step)):
        raise ConfigError(f"--{path}={text}: a range needs finite ends and a step that is not 0.")
    # The slack keeps 0:1:0.1 at ten values although 0.1 has no exact binary form.
    count = math.ceil((high - low) / step - 1e-9)
    if not 0 < count <= MOST:
        raise ConfigError(
            f"--{path}={text}: the range holds {max(count, 0)} values; it must hold 1 to {MOST}."
        )
    if all(_is_integer(end) for end in ends):
        return [str(int(low) + index * int(step)) for index in range(count)]
    # Rounded to the digits that were written: 0:1:0.1 means 0.3, not 0.30000000000000004.
    digits = max(len(end.partition(".")[2]) if "e" not in end.lower() else 17 for end in ends)
    return [repr(round(low + index * step, digits)) for index in range(count)]


def _parse_span(path: str, text: str, rest: str, *, is_log: bool) -> Span:
    ends = rest.split(":")
    numbers = [_number(end) for end in ends]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise ConfigError(f"--{path}={text}: write it as log:LOW:HIGH or linear:LOW:HIGH.")
    low, high = numbers[0], numbers[1]
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"--{path}={text}: LOW must be less than HIGH, and both finite.")
    if is_log and low <= 0:
        raise ConfigError(f"--{path}={text}: the ends of a logarithmic range must be > 0.")
    return Span(low, high, is_log, all(_is_integer(end) for end in ends))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_integer(text: str) -> bool:
    return text.strip().lstrip("+-").isdecimal()
