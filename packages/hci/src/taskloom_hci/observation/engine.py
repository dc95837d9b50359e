"""Observation engines: the rule engine and its ready specifications."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from typing_extensions import override

from taskloom_hci.errors import UnknownKeyError
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

Rule: TypeAlias = Callable[[Any, StateTree], Any]
NoisyRule: TypeAlias = Callable[[Any, StateTree, Stream], Any]


class ObservationEngine(ABC):
    """Turns the state of the game into an observation.

    Attributes:
        parts: The parts of the game that are seen as they are, if that is all the engine does; a game then makes no more
            than those.
    """

    parts: tuple[str, ...] | None = None

    @abstractmethod
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        """Return the observation and its reward (perceiving may cost something).

        Args:
            game_state: A snapshot of the six parts of the game; it is this engine's to keep.
            stream: Random numbers of the observing agent.
        """


class SeeAll(ObservationEngine):
    """Sees the whole game as it is."""

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        del stream
        return game_state, 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at.

    Attributes:
        part: One of the six parts: `task_state`.
        key: An entry of the part, or None for all of it.
        index: What to take of the entry; None for all.
        rule: Applied to the value, `rule(value, game_state)`.
        noise: Applied after the rule, `noise(value, game_state, stream)`.
    """

    part: str
    key: str | None = None
    index: Any = None
    rule: Rule | None = None
    noise: NoisyRule | None = None


ORACLE = tuple(
    Look(part)
    for part in (
        "game_info",
        "task_state",
        "user_state",
        "assistant_state",
        "user_action",
        "assistant_action",
    )
)
BLIND = tuple(look for look in ORACLE if not look.part.endswith("_state"))
TASK_ONLY = tuple(look for look in ORACLE if look.part not in {"user_state", "assistant_state"})
USER_VIEW = tuple(look for look in ORACLE if look.part != "assistant_state")
ASSISTANT_VIEW = tuple(look for look in ORACLE if look.part != "user_state")


class RuleObservation(ObservationEngine):
    """Sees what its specification lists, each entry through a deterministic and then a random rule.

    Args:
        specification: What to look at, such as `USER_VIEW`.
        rules: Deterministic rules for single entries by `(part, key)`; they are added to the specification.
        noises: Random rules, likewise.
    """

    def __init__(
        self,
        specification: Sequence[Look],
        *,
        rules: Mapping[tuple[str, str], Rule] | None = None,
        noises: Mapping[tuple[str, str], NoisyRule] | None = None,
    ) -> None:
        self.specification = tuple(specification)
        self.rules = dict(rules or {})
        self.noises = dict(noises or {})
        plain = all(
            look.key is None and look.rule is None and look.noise is None
            for look in self.specification
        )
        self.parts = tuple(look.part for look in self.specification) if plain else None
        if self.rules or self.noises:
            self.parts = None

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        if self.parts is not None:
            return {part: game_state[part] for part in self.parts if part in game_state}, 0.0
        seen: StateTree = {}
        for look in self.specification:
            if look.part not in game_state:
                raise UnknownKeyError(
                    f"The game has no part '{look.part}' (it has {', '.join(game_state)})."
                )
            entries = game_state[look.part]
            for key in entries if look.key is None else (look.key,):
                if key not in entries:
                    raise UnknownKeyError(
                        f"'{look.part}' has no entry '{key}' (it has {', '.join(entries)})."
                    )
                seen.setdefault(look.part, {})[key] = self._value(look, key, game_state, stream)
        return seen, 0.0

    def _value(self, look: Look, key: str, game_state: StateTree, stream: Stream) -> Any:
        value = game_state[look.part][key]
        if look.index is not None:
            value = np.asarray(value)[look.index]
        for rule in (look.rule, self.rules.get((look.part, key))):
            if rule is not None:
                value = rule(value, game_state)
        for noise in (look.noise, self.noises.get((look.part, key))):
            if noise is not None:
                value = noise(value, game_state, stream)
        return value


class CascadedObservation(ObservationEngine):
    """Several engines in a row: each sees what the one before it saw; their rewards add up."""

    def __init__(self, engines: Sequence[ObservationEngine]) -> None:
        self.engines = tuple(engines)

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        total = 0.0
        for engine in self.engines:
            game_state, reward = engine.observe(game_state, stream)
            total += reward
        return game_state, total
