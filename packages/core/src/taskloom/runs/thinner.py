"""Metric lines in bounded memory with the same peaks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Point = tuple[float, float]
"""Place and value."""
CELLS = 4000
"""Stretches of a history above which neighbours become one."""

_Extremes = dict[str, tuple[Point, Point]]


class Thinner:
    """Metric lines in bounded memory with the same peaks, read one at a time; it can be written down and go on later.

    Up to `cells` lines are kept as they are. Of more, each stretch of as many lines as turn out to be needed keeps every
    metric's lowest and highest value, each in a line of its own with its step.

    Args:
        cells: The most stretches.

    Attributes:
        count: Lines read.
    """

    def __init__(self, cells: int = CELLS) -> None:
        self._cells = cells
        self._whole: list[dict[str, float]] = []
        self._stretches: list[_Extremes] = []
        self._size = 1
        self.count = 0

    def add(self, row: Mapping[str, float]) -> None:
        """Read one line."""
        number, self.count = self.count, self.count + 1
        if number < self._cells:
            self._whole.append(dict(row))
        if number % self._size == 0:
            if len(self._stretches) == self._cells:
                pairs = range(0, self._cells, 2)
                self._stretches = [_united(*self._stretches[at : at + 2]) for at in pairs]
                self._size *= 2
                self._whole = []
            self._stretches.append({})
        step = row.get("step", float(number))
        for name, value in row.items():
            if name not in ("step", "t") and math.isfinite(value):
                _widen(self._stretches[-1], name, (step, value), (step, value))

    def rows(self) -> list[dict[str, float]]:
        """Return the lines that stand for all."""
        if self._size == 1:
            return [*self._whole]
        return [
            {"step": step, name: value}
            for stretch in self._stretches
            for name, ends in stretch.items()
            for step, value in sorted({tuple(end) for end in ends})
        ]

    def state(self) -> dict[str, Any]:
        """Return everything that is needed to go on, as JSON values."""
        return {
            "cells": self._cells,
            "whole": self._whole,
            "stretches": self._stretches,
            "size": self._size,
            "count": self.count,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Thinner:
        """Return the thinner that wrote a state.

        Raises:
            KeyError: A part is missing.
        """
        made = cls(state["cells"])
        made._whole, made._size, made.count = state["whole"], state["size"], state["count"]
        made._stretches = [
            {name: (tuple(low), tuple(high)) for name, (low, high) in stretch.items()}
            for stretch in state["stretches"]
        ]
        return made


def _united(one: _Extremes, other: _Extremes) -> _Extremes:
    """Return the lowest and the highest points of both, by metric."""
    for name, (low, high) in other.items():
        _widen(one, name, low, high)
    return one


def _widen(stretch: _Extremes, name: str, low: Point, high: Point) -> None:
    known = stretch.get(name)
    if known is None:
        stretch[name] = (low, high)
    elif low[1] < known[0][1] or high[1] > known[1][1]:
        stretch[name] = (
            low if low[1] < known[0][1] else known[0],
            high if high[1] > known[1][1] else known[1],
        )
