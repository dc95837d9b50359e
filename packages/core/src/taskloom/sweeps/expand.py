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
from taskloom.params.grammar import (
    MOST,
    UnreadableValueError,
    is_integer,
    number_of,
    range_of,
    split,
)
from taskloom.params.labels import shown
from taskloom.seeding import derive_seed

Point: TypeAlias = dict[str, str]


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


def parse_axis(
    path: str,
    text: str,
    *,
    is_number: bool = True,
    is_integer: bool = True,
    is_search: bool = False,
) -> Axis:
    """Read the values of one parameter; only one that is a number has ranges.

    `a,b,c` are values, by the grammar of lists (`taskloom.params.grammar`): a comma inside brackets or quotation marks does not
    count, and each value is kept as it is written. `0:5` is 0, 1, 2, 3, 4 and `0:1:0.25` is 0, 0.25, 0.5, 0.75, the end left out
    as in Python; `log:1e-4:1e-1` and `linear:0:1` are ranges for `--sample` and searches, where `0:1` is linear too for a fraction.

    Args:
        path: The parameter.
        text: Its values.
        is_number: Whether it is a number.
        is_integer: Whether it takes integers alone; if it may, and both ends are written as integers, integers are drawn.
        is_search: Whether the values are those of a search.

    Raises:
        ConfigError: A range cannot be read, or has no values.
    """
    kind, colon, rest = text.partition(":")
    if is_number and colon and kind in ("log", "linear"):
        span = _parse_span(path, text, rest, is_log=kind == "log")
        return replace(span, is_integer=span.is_integer and is_integer)
    if is_number and is_search and not is_integer and _is_pair(text):
        return replace(_parse_span(path, text, text, is_log=False), is_integer=False)
    try:
        items = split(text)
        if is_number:
            items = [value for item in items for value in range_of(item) or [item]]
    except UnreadableValueError as error:
        raise ConfigError(f"--{path}={shown(text)}: {error}") from None
    return Choices(tuple(items))


def is_span(text: str) -> bool:
    """Return whether a text is written as a range to draw from: `log:1e-4:1`, `linear:0:1`."""
    kind, _, rest = text.partition(":")
    return kind in ("log", "linear") and _is_pair(rest)


def _is_pair(text: str) -> bool:
    ends = text.split(":")
    return len(ends) == 2 and all(number_of(end) is not None for end in ends)


def _parse_span(path: str, text: str, rest: str, *, is_log: bool) -> Span:
    ends = rest.split(":")
    numbers = [number_of(end) for end in ends]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise ConfigError(f"--{path}={text}: write it as log:LOW:HIGH or linear:LOW:HIGH.")
    low, high = numbers[0], numbers[1]
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"--{path}={text}: LOW must be less than HIGH, and both finite.")
    if is_log and low <= 0:
        raise ConfigError(f"--{path}={text}: the ends of a logarithmic range must be > 0.")
    return Span(low, high, is_log, all(is_integer(end) for end in ends))
