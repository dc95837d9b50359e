"""Finite automata over tokens: what a sequence is in, after each of its tokens, and whether it may end there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from taskloom.errors import ConfigError

MOST_STATES = 4096
"""States that an automaton may have; messages cost time and memory in proportion."""
# Before they are merged there may be more.
_MOST_UNMERGED = 4 * MOST_STATES
DEAD = -1
"""The state that nothing leads out of."""


@dataclass(frozen=True)
class Automaton:
    """A deterministic automaton over the ids of a vocabulary.

    Attributes:
        next: State after a token of each class (Q, C), int16; -1 is dead.
        token_class: Class of each token (V,): tokens of one class lead from every state to the same one.
        start: First state.
        accept: Whether a sequence may end in each state (Q,), bool.

    Example:
        >>> even = automaton(0, lambda q, v: 1 - q if v else q, 2, lambda q: q == 0)
        >>> even.accepts([1, 0, 1]), even.accepts([1])
        (True, False)
    """

    next: np.ndarray
    token_class: np.ndarray
    start: int
    accept: np.ndarray

    @property
    def num_states(self) -> int:
        """States, the dead one left out."""
        return len(self.accept)

    def after(self, tokens: Iterable[int]) -> int:
        """Return the state after some tokens, or -1."""
        state = self.start
        for token in tokens:
            if state == DEAD:
                return DEAD
            state = int(self.next[state, self.token_class[token]])
        return state

    def accepts(self, tokens: Iterable[int]) -> bool:
        """Return whether a whole sequence is accepted."""
        state = self.after(tokens)
        return state != DEAD and bool(self.accept[state])


def automaton(
    start: Hashable,
    step: Callable[[Hashable, int], Hashable | None],
    num_tokens: int,
    accepts: Callable[[Hashable], bool],
) -> Automaton:
    """Return the smallest automaton of a rule.

    Args:
        start: First state, of any kind.
        step: State after a token; None is dead.
        num_tokens: Ids of the vocabulary.
        accepts: Whether a sequence may end in a state.

    Raises:
        ConfigError: It has more than 4,096 states.
    """
    places: dict[Hashable, int] = {start: 0}
    rows: list[list[int]] = []
    waiting = [start]
    # The list grows while it is walked: states are met in the order of their numbers.
    for state in waiting:
        row = []
        for token in range(num_tokens):
            following = step(state, token)
            if following is None:
                row.append(DEAD)
                continue
            if following not in places:
                if len(places) >= _MOST_UNMERGED:
                    raise ConfigError(_too_many(f"more than {_MOST_UNMERGED:,}"))
                places[following] = len(places)
                waiting.append(following)
            row.append(places[following])
        rows.append(row)
    accept = np.array([accepts(state) for state in waiting], dtype=bool)
    return _smallest(np.array(rows, dtype=np.int64).reshape(len(waiting), num_tokens), accept)


def _smallest(table: np.ndarray, accept: np.ndarray) -> Automaton:
    """Return the smallest automaton of a table (Q, V), by refining a partition of its states (Moore 1956)."""
    count = len(table)
    # The dead state is a row of its own, the last one, which -1 points at.
    table = np.vstack([table, np.full((1, table.shape[1]), -1)])
    alive = _leading_to(table, accept)
    table = np.where((table >= 0) & alive[table], table, -1)
    groups = np.where(np.append(accept, False), 1, 0)
    groups[~alive] = 2
    while True:
        keys = np.column_stack([groups, groups[table]])
        _, refined = np.unique(keys, axis=0, return_inverse=True)
        refined = refined.reshape(-1)
        if len(np.unique(refined)) == len(np.unique(groups)):
            break
        groups = refined
    dead = groups[count]
    if groups[0] == dead:
        # Nothing is accepted: one state, out of which nothing leads.
        classes = np.zeros(table.shape[1], dtype=np.int64)
        return Automaton(np.full((1, 1), DEAD, np.int16), classes, 0, np.zeros(1, dtype=bool))
    # In the order in which states were met, so that one rule always has one automaton.
    order = [g for g in dict.fromkeys(groups[:count].tolist()) if g != dead]
    if len(order) > MOST_STATES:
        raise ConfigError(_too_many(f"{len(order):,}"))
    number = {g: i for i, g in enumerate(order)} | {dead: DEAD}
    first = [int(np.flatnonzero(groups[:count] == g)[0]) for g in order]
    merged = np.array([[number[g] for g in groups[table[i]].tolist()] for i in first])
    columns, token_class = np.unique(merged, axis=1, return_inverse=True)
    return Automaton(
        columns.astype(np.int16),
        token_class.reshape(-1).astype(np.int64),
        number[int(groups[0])],
        accept[first],
    )


def _leading_to(table: np.ndarray, accept: np.ndarray) -> np.ndarray:
    """Return which states some accepted sequence goes through (Q + 1,)."""
    alive = np.append(accept, False)
    while True:
        more = alive | (alive[table] & (table >= 0)).any(1)
        if (more == alive).all():
            return alive
        alive = more


def _too_many(count: str) -> str:
    return f"this constraint has {count} states, above {MOST_STATES:,}; make it shorter, or give fewer at once"


def both(parts: Sequence[Automaton]) -> Automaton:
    """Return the automaton of the sequences that all parts accept.

    Raises:
        ConfigError: It has more than 4,096 states.
    """
    if len(parts) == 1:
        return parts[0]
    tables = [part.next[:, part.token_class] for part in parts]

    def step(state: Hashable, token: int) -> Hashable | None:
        states = state if isinstance(state, tuple) else ()
        following = tuple(int(t[q, token]) for t, q in zip(tables, states, strict=True))
        return None if DEAD in following else following

    def accepts(state: Hashable) -> bool:
        states = state if isinstance(state, tuple) else ()
        return all(bool(part.accept[q]) for part, q in zip(parts, states, strict=True))

    start = tuple(part.start for part in parts)
    return automaton(start, step, len(parts[0].token_class), accepts)
