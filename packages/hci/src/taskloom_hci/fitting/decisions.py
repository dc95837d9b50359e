"""A table of decisions: one row an action of a person, in a situation that a user model reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.models.model import UserModel, action_index

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[Any]


@dataclass(slots=True)
class Rows:
    """Rows as they were read, in any order.

    Attributes:
        person: Name of the person of each row.
        game: Game of each row, by a number or a name.
        round: Its place in its game.
        action: The action of each row, by its value.
        columns: What the model reads, by name, (N, ...).
        places: Place of each row in its file, for messages.
        read: Rows that there were.
        left_out: Rows that are not used, by the reason.
    """

    person: list[str]
    game: list[str]
    round: list[float]
    action: list[Any]
    columns: dict[str, Array]
    places: list[str]
    read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of people, sorted by person, game and round, in the situations that a model reads.

    Attributes:
        people: Names of the people (P).
        person: Number of the person of each decision, (N,).
        game: Number of its game, counted within its person, (N,).
        action: Index of the action, (N,).
        situations: The different situations, by what the model reads, (S, ...).
        situation: Number of the situation of each decision, (N,).
        read: Rows that there were.
        left_out: Rows that are not used, by the reason.
    """

    people: tuple[str, ...]
    person: Int
    game: Int
    action: Int
    situations: Mapping[str, Array]
    situation: Int
    read: int
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.action)

    def counts(self, num_actions: int, rows: NDArray[np.bool_] | None = None) -> Float:
        """Return how often each person did each action in each situation, (P, S, A).

        Args:
            num_actions: Actions A of the model.
            rows: The decisions that count; by default all.
        """
        num = len(next(iter(self.situations.values())))
        found = np.zeros((len(self.people), num, num_actions))
        which = slice(None) if rows is None else rows
        np.add.at(found, (self.person[which], self.situation[which], self.action[which]), 1.0)
        return found

    def games(self) -> Int:
        """Return how many games each person played, (P,)."""
        return np.array([len(np.unique(self.game[self.person == i])) for i in self._each()])

    def late(self) -> NDArray[np.bool_]:
        """Return the decisions of the last third of each person's games, (N,): whole games, since rounds of one share a goal."""
        first = self.games() - self.games() // 3
        return np.asarray(self.game >= first[self.person])

    def of_person(self, number: int) -> Decisions:
        """Return the decisions of one person alone."""
        rows = self.person == number
        return Decisions(
            (self.people[number],),
            np.zeros(int(rows.sum()), dtype=np.int64),
            self.game[rows],
            self.action[rows],
            self.situations,
            self.situation[rows],
            int(rows.sum()),
            {},
        )

    def _each(self) -> range:
        return range(len(self.people))


def decisions_of(rows: Rows, model_class: type[UserModel]) -> tuple[Decisions, UserModel]:
    """Return the table of rows in the situations of a model, and that model.

    Args:
        rows: The rows.
        model_class: The model; its columns are those of the rows.

    Raises:
        HciError: If there are none, or an action is none of the model's.
    """
    if not rows.person:
        reasons = "; ".join(f"{n} {why}" for why, n in rows.left_out.items())
        raise HciError(f"No decision is left of {rows.read} rows: {reasons or 'there are none'}.")
    order = sorted(range(len(rows.person)), key=lambda i: _key(rows, i))
    people = tuple(sorted(set(rows.person), key=natural))
    number = {name: i for i, name in enumerate(people)}
    person = np.array([number[rows.person[i]] for i in order], dtype=np.int64)
    names = [rows.game[i] for i in order]
    table = {name: values[order] for name, values in rows.columns.items()}
    model = model_class.of_table(table)
    action = _actions(rows, order, model)
    goes_on = np.zeros(len(order), dtype=bool)
    game = np.zeros(len(order), dtype=np.int64)
    for i in range(1, len(order)):
        same = person[i] == person[i - 1]
        goes_on[i] = same and names[i] == names[i - 1]
        game[i] = (game[i - 1] + (not goes_on[i])) if same else 0
    situations, situation = distinct(model.situations(table, goes_on))
    return (
        Decisions(
            people, person, game, action, situations, situation, rows.read, dict(rows.left_out)
        ),
        model,
    )


def distinct(columns: Mapping[str, Array]) -> tuple[dict[str, Array], Int]:
    """Return the different rows of some columns, (S, ...) each, and the number of each row among them, (N,)."""
    flat = [
        np.asarray(values, dtype=np.float64).reshape(len(values), -1) for values in columns.values()
    ]
    _, first, which = np.unique(
        np.concatenate(flat, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return {name: np.asarray(values)[first] for name, values in columns.items()}, np.ravel(which)


def natural(name: str) -> tuple[int, float, str]:
    """Return a key by which 9 comes before 10, and numbers before names."""
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    return (0, number, name) if math.isfinite(number) else (1, float(len(name)), name)


def _key(rows: Rows, i: int) -> tuple[Any, ...]:
    return natural(rows.person[i]), natural(rows.game[i]), rows.round[i]


def _actions(rows: Rows, order: Sequence[int], model: UserModel) -> Int:
    known: dict[Any, int] = {}
    found = np.empty(len(order), dtype=np.int64)
    for place, i in enumerate(order):
        value = rows.action[i]
        if value not in known:
            try:
                known[value] = action_index(model, value)
            except HciError as error:
                raise HciError(f"{rows.places[i]}: {error}") from None
        found[place] = known[value]
    return found
