"""Parts that both PettingZoo forms of a game share: who sits where, what they see, and who earns what."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from gymnasium.spaces import Space
from gymnasium.spaces.utils import flatten, flatten_space

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES, Turn
from taskloom_hci.errors import HciError
from taskloom_hci.exports.common import (
    Opening,
    forced_in,
    legal_actions,
    require_opening,
    seed_of,
)
from taskloom_hci.exports.picture import require_mode
from taskloom_hci.exports.spaces import ActionCode, Lens, known_to, observation_space
from taskloom_hci.task import Role

Split: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

ROLES: tuple[Role, ...] = ("user", "assistant")
TASK_REWARDS = ("first_task_reward", "second_task_reward")
EQUAL: Split = ((0.5, 0.5), (0.5, 0.5))


class Seats:
    """The agents of a bundle (the user, and the assistant if there is one), their spaces, and who earns what.

    An agent earns its own observation, inference and policy rewards, and its share of the two rewards of the task; where
    there is no assistant, its shares go to the user.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: The share of each of the two task rewards that goes to the user and to the assistant.
        opening: Where the rewards go that were earned before the first step.
        seed: Root of all random numbers; by default the bundle's.
        flatten: Show one vector in place of arrays by name.
        render_mode: See `GameEnv`.
    """

    def __init__(
        self,
        bundle: Bundle,
        split: Split,
        *,
        opening: Opening,
        seed: int | None,
        flatten: bool,
        render_mode: str | None,
    ) -> None:
        if bundle.user is None:
            raise HciError(f"A game for learners needs a user; this one is {bundle.name}.")
        for name, shares in zip(TASK_REWARDS, split, strict=True):
            if not np.isclose(sum(shares), 1.0, rtol=0.0, atol=1e-12):
                raise HciError(
                    f"The shares of {name} sum to 1, but {list(shares)} sum to {sum(shares):g}."
                )
        require_opening(opening)
        require_mode(render_mode)
        self.bundle, self.opening, self.flatten = bundle, opening, flatten
        self.agents: dict[str, Agent] = {"user": bundle.user}
        if bundle.assistant is not None:
            self.agents["assistant"] = bundle.assistant
        alone = bundle.assistant is None
        self.split = tuple((1.0, 0.0) if alone else shares for shares in split)
        bundle.reset(go_to=0, episode=0)
        self.codes = {role: ActionCode(agent.policy.element) for role, agent in self.agents.items()}
        seen = {role: observation_space(bundle, agent) for role, agent in self.agents.items()}
        self.lenses = {role: Lens(space) for role, space in seen.items()}
        self.spaces: dict[str, Space[Any]] = {
            role: flatten_space(space) if flatten else space for role, space in seen.items()
        }
        self.action_spaces: dict[str, Space[Any]] = {
            role: code.space for role, code in self.codes.items()
        }
        bundle.episode = -1
        self._given, self._has_seed = seed, False
        self._owed: dict[str, float] = {}

    def start(
        self, seed: int | None, options: dict[str, Any] | None, turns: tuple[Turn, ...]
    ) -> dict[str, float]:
        """Start an episode and play on to one of some turns; return what each agent earned until then."""
        bundle = self.bundle
        if seed is None and not self._has_seed:
            seed = seed_of(bundle, self._given)
        self._has_seed = True
        bundle.reset(go_to=0, seed=seed, forced=forced_in(options))
        earned = dict.fromkeys(self.spaces, 0.0)
        if bundle.opening is not None:
            earned = self.earned(bundle.opening.rewards)
        while not bundle.over and bundle.turn not in turns:
            more = self.earned(bundle.advance(go_to=(bundle.turn + 1) % 4))
            earned = {role: earned[role] + more[role] for role in earned}
        first_step = self.opening == "first_step" and not bundle.over
        self._owed = earned.copy() if first_step else {}
        return earned

    def all_due(self) -> dict[str, float]:
        """Return what every agent earned before the first step of the game, once."""
        owed, self._owed = self._owed, {}
        return owed

    def look(self, role: str) -> Any:
        """Return what an agent knows now; see `known_to`."""
        return self.shown(role, known_to(self.agents[role]))

    def shown(self, role: str, known: Any) -> Any:
        """Return what an agent knows in the form of its space."""
        lens = self.lenses[role]
        return flatten(lens.space, lens(known)) if self.flatten else lens(known)

    def info(self, role: str) -> dict[str, Any]:
        """Return what is told beside an observation: which actions are legal, where a task says so."""
        legal = legal_actions(self.bundle, role)
        return {} if legal is None else {"action_mask": legal.astype(np.int8)}

    def earned(self, rewards: dict[str, float]) -> dict[str, float]:
        """Return the part of the rewards of each agent."""
        parts = dict.fromkeys(ROLES, 0.0)
        for name in REWARD_NAMES:
            value = rewards[name]
            if name in TASK_REWARDS:
                shares = self.split[TASK_REWARDS.index(name)]
                for role, share in zip(ROLES, shares, strict=True):
                    parts[role] += share * value
            else:
                parts["user" if name.startswith("user") else "assistant"] += value
        return {str(role): value for role, value in parts.items() if role in self.agents}
