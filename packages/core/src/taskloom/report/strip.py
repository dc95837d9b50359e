"""The strip of a report: a run and its baseline as dots with their intervals on one axis."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import htpy as h

from taskloom.headline import Headline
from taskloom.wording import format_value


@dataclass(frozen=True, slots=True)
class _Mark:
    """One row of the strip.

    Attributes:
        name: Its name.
        metric: Name of the figure in the record.
        value: The figure.
        low: Lower end of its interval, or None.
        high: Upper end, or None.
        text: The figure with its digits.
    """

    name: str
    metric: str
    value: float
    low: float | None
    high: float | None
    text: str

    @property
    def numbers(self) -> list[float]:
        """Numbers that the axis has to reach."""
        known = (x for x in (self.value, self.low, self.high) if x is not None)
        return [x for x in known if math.isfinite(x)]


def strip(headline: Headline, half: float | None) -> h.Node:
    """Return this run and its baseline as dots with their intervals on one axis, in HTML: its text keeps its size."""
    plain = headline.baseline
    if plain is None:
        return None
    their_half = half
    if plain.low is not None and plain.high is not None:
        their_half = (plain.high - plain.low) / 2
    ours = _Mark("this run", headline.metric, headline.value, headline.low, headline.high, text_of(headline.value, half))  # fmt: skip
    theirs = _Mark(
        plain.name,
        "headline.baseline.value",
        plain.value,
        plain.low,
        plain.high,
        text_of(plain.value, their_half),
    )
    numbers = ours.numbers + theirs.numbers
    first, last = min(numbers), max(numbers)
    span = (last - first) or 1.0

    def place(x: float) -> float:
        return 3 + 94 * (x - first) / span  # percent, with room for the dots at both ends

    def row(mark: _Mark, kind: str) -> h.Element:
        bar = None
        if mark.low is not None and mark.high is not None:
            width = max(place(mark.high) - place(mark.low), 0.5)
            bar = h.i(".bar", style=f"left:{place(mark.low):.2f}%;width:{width:.2f}%")
        dot = h.i(".dot", style=f"left:{place(mark.value):.2f}%") if math.isfinite(mark.value) else None  # fmt: skip
        return h.div(f".row.{kind}")[
            h.span(".name", data_metric="headline.baseline.name" if kind == "other" else None)[
                mark.name
            ],
            h.span(".axis", aria_hidden="true")[bar, dot],
            h.span(".number", data_metric=mark.metric)[mark.text],
        ]

    return h.div(".strip")[row(ours, "own"), row(theirs, "other")]


def text_of(value: float, half: float | None) -> str:
    """Return a value with the digits that half its interval supports."""
    return with_minus(format_value(value, half))


def with_minus(text: str) -> str:
    """Return a text whose numbers below 0 have a minus sign; hyphens inside words stay."""
    return re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text)
