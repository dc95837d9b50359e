"""Conditions that a model was trained with, and what it is asked for: values as a user gives them, and as a network sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.model.condition import Condition

LARGEST = 4.0
"""Standard deviations from the mean beyond which a number is told no further."""


@dataclass(frozen=True)
class ToldCondition:
    """One condition of a model, numbers of the training part.

    Attributes:
        name: Its name.
        kind: A number, or a class.
        source: `column`, or `rdkit` for what is computed.
        mean: Of a number.
        sd: Standard deviation of a number.
        min: Smallest number.
        max: Largest number.
        classes: Of a class, how many training sequences have each.
        missing: Training sequences without it.
        merged_conflicting: Sequences that came with different values: a number is their median, a class is missing.
    """

    name: str
    kind: Literal["number", "class"]
    source: Literal["column", "rdkit"] = "column"
    mean: float = 0.0
    sd: float = 1.0
    min: float = 0.0
    max: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    merged_conflicting: int = 0

    def sentence(self) -> str:
        """Return what it is, for people."""
        what = f"a number from {self.min:g} to {self.max:g}, mean {self.mean:g}, sd {self.sd:g}"
        if self.kind == "class":
            counts = ", ".join(f"{name} {count:,}" for name, count in self.classes.items())
            what = f"a class: {counts}"
        told = f"condition '{self.name}' is {what}; training sequences without it: {self.missing:,}"
        conflicting = f"; sequences whose rows differ: {self.merged_conflicting:,}"
        return told + conflicting * bool(self.merged_conflicting)

    def in_sd(self, value: float) -> float:
        """Return a number in standard deviations from the mean, at most 4."""
        return min(max((value - self.mean) / self.sd, -LARGEST), LARGEST)

    def asked(self, value: object, *, clip: bool) -> tuple[float | str, str]:
        """Return a value as it will be told, and a sentence about it if it was moved.

        Raises:
            ConfigError: It is no number, outside of what was trained, or no class.
        """
        if self.kind == "class":
            if str(value) not in self.classes:
                near = did_you_mean(str(value), list(self.classes))
                known = ", ".join(self.classes)
                raise ConfigError(
                    f"condition.{self.name} = '{value}' is no class of this model: {known}{'; ' * bool(near)}{near}"
                )
            return str(value), ""
        try:
            number = float(value)  # type: ignore[arg-type]  # whatever a user gave
        except (TypeError, ValueError):
            raise ConfigError(f"condition.{self.name} = '{value}' is no number") from None
        moved = min(max(number, self.min), self.max)
        if moved == number:
            return number, ""
        told = f"condition.{self.name} = {number:g} is outside of what was trained, {self.min:g} to {self.max:g}"
        # NaN is on neither side of anything.
        if not clip or math.isnan(number):
            raise ConfigError(f"{told}; use --outside=clip")
        return moved, f"{told}; it was moved to {moved:g}"


def as_told(conditions: Sequence[ToldCondition | Mapping[str, Any]]) -> tuple[ToldCondition, ...]:
    """Return conditions from what a folder keeps of them; numbers come first."""
    found = [c if isinstance(c, ToldCondition) else ToldCondition(**c) for c in conditions]
    return tuple(sorted(found, key=lambda c: c.kind != "number"))


def kept_conditions(conditions: Sequence[ToldCondition], dropout: float) -> dict[str, Any]:
    """Return what a folder keeps of conditions as plain JSON; of a model without any, nothing."""
    if not conditions:
        return {}
    return {"conditions": [asdict(c) for c in conditions], "condition_dropout": dropout}


def tensors_of(
    conditions: Sequence[ToldCondition], rows: Sequence[Mapping[str, float | str]]
) -> Condition:
    """Return values of rows as a network is told them; what a row lacks is not told.

    Args:
        conditions: Of the model.
        rows: Of each row, values by name.
    """
    numbers = [c for c in conditions if c.kind == "number"]
    classes = [c for c in conditions if c.kind == "class"]
    places = [{name: i for i, name in enumerate(c.classes)} for c in classes]
    given = torch.tensor(
        [
            [c.name in row for c in numbers]
            + [row.get(c.name) in place for c, place in zip(classes, places, strict=True)]
            for row in rows
        ],
        dtype=torch.bool,
    )
    told = [[c.in_sd(float(row.get(c.name, c.mean))) for c in numbers] for row in rows]
    which = [
        [place.get(str(row.get(c.name)), 0) for c, place in zip(classes, places, strict=True)]
        for row in rows
    ]
    shape = len(rows), -1
    return Condition(
        torch.tensor(told, dtype=torch.float32).reshape(len(rows), len(numbers)),
        torch.tensor(which, dtype=torch.long).reshape(len(rows), len(classes)),
        given.reshape(shape) if len(rows) else given.reshape(0, len(conditions)),
    )


def requested(
    conditions: Sequence[ToldCondition], values: Mapping[str, object], *, clip: bool = False
) -> tuple[dict[str, float | str], list[str]]:
    """Return what is asked for as it will be told, and sentences about values that were moved.

    Args:
        conditions: Of the model.
        values: By name.
        clip: Move numbers that are outside of what was trained to its edge.

    Raises:
        ConfigError: There is no such condition, or a value is not one that was trained.
    """
    known = {c.name: c for c in conditions}
    found: dict[str, float | str] = {}
    notes = []
    for name, value in values.items():
        if name not in known:
            near = did_you_mean(name, list(known))
            has = f"has {', '.join(known)}" if known else "was trained without any"
            raise ConfigError(
                f"condition.{name} is no condition of this model, which {has}{'; ' * bool(near)}{near}"
            )
        found[name], note = known[name].asked(value, clip=clip)
        notes += [note] if note else []
    return found, notes
