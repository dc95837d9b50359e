"""A game as a gymnasium environment: one agent learns, the other one plays as it does."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces.utils import flatten, flatten_space
from numpy.typing import NDArray

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES, Turn
from taskloom_hci.errors import HciError
from taskloom_hci.exports.common import (
    PATIENCE,
    Masked,
    Opening,
    forced_in,
    legal_actions,
    require_opening,
    require_weights,
    seed_of,
    weighted,
)
from taskloom_hci.exports.picture import RENDER_MODES, render, require_mode
from taskloom_hci.exports.spaces import ActionCode, Lens, known_to, observation_space
from taskloom_hci.task import Role

Observation = dict[str, Any]


class GameEnv(Masked, gymnasium.Env[Any, Any]):
    """One agent of a bundle, to be trained.

    A step takes the agent's action and plays on until it is this agent's turn to act again; the reward is the sum of all
    that was earned on the way, times `weights`. A time limit truncates. `reset(seed=...)` fixes everything that follows;
    without a seed in the bundle, here or in `reset`, a fresh one is drawn, which `np_random_seed` tells.

    An episode that ends before this agent acts has nothing to learn and is passed over: `info` of `reset` counts such
    episodes under `skipped`, with what they earned under `skipped_return`.

    Args:
        bundle: The game.
        train: Which agent acts through `step`: `user` or `assistant`.
        weights: A factor for single rewards by name; the others count once.
        opening: Where the rewards go that were earned before the first step: into that step, or only into `info`.
        render_mode: `ansi`, `rgb_array`, or None.
        seed: Root of all random numbers; by default the bundle's.
        flatten: Show one vector in place of arrays by name.

    Raises:
        HciError: If an argument does not fit the game.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 4}  # noqa: RUF012 -- gymnasium declares it so

    def __init__(
        self,
        bundle: Bundle,
        train: Role = "user",
        *,
        weights: Mapping[str, float] | None = None,
        opening: Opening = "first_step",
        render_mode: str | None = None,
        seed: int | None = None,
        flatten: bool = False,
    ) -> None:
        agent: Agent | None = (
            getattr(bundle, train, None) if train in {"user", "assistant"} else None
        )
        if agent is None:
            raise HciError(
                f"The agent to train is the game's 'user' or 'assistant', and this game has no {train!r}."
            )
        require_mode(render_mode)
        require_opening(opening)
        self.bundle, self.agent = bundle, agent
        self.train: Role = train
        self.weights = require_weights(weights)
        self.render_mode, self.opening, self.flatten = render_mode, opening, flatten
        self._turn = Turn.USER_ACT if train == "user" else Turn.ASSISTANT_ACT
        self._code = ActionCode(agent.policy.element)
        self.action_space = self._code.space
        bundle.reset(go_to=0, episode=0)
        space = observation_space(bundle, agent)
        self._lens = Lens(space)
        self.observation_space = flatten_space(space) if flatten else space
        bundle.episode = -1
        self._given, self._has_seed = seed, False
        self._owed = 0.0  # by the first step: what was earned before it

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Root of all random numbers from now on.
            options: `{"forced": ...}` with what `Bundle.reset` takes under that name; the rest is ignored.

        Raises:
            HciError: If the game ends before the agent can act, from a forced start or in 1000 episodes in a row.
        """
        super().reset(seed=seed)
        if seed is None and not self._has_seed:
            seed = seed_of(self.bundle, self._given)
        self._has_seed = True
        forced = forced_in(options)
        skipped, skipped_return = 0, 0.0
        self.bundle.reset(go_to=0, seed=seed, forced=forced)
        while True:
            opening = self._play_to_turn()
            if not self.bundle.over:
                break
            skipped += 1
            skipped_return += weighted(opening, self.weights)
            self._require_hope(skipped, forced)
            self.bundle.reset(go_to=0)
        self._owed = weighted(opening, self.weights) if self.opening == "first_step" else 0.0
        return self._look(), {
            "episode_index": self.bundle.episode,
            "opening": opening,
            "skipped": skipped,
            "skipped_return": skipped_return,
        }

    def _play_to_turn(self) -> dict[str, float]:
        """Play on to the agent's turn; return what was earned since the reset."""
        bundle = self.bundle
        rewards = (
            dict.fromkeys(REWARD_NAMES, 0.0) if bundle.opening is None else bundle.opening.rewards
        )
        if bundle.over or bundle.turn == self._turn:
            return rewards
        more = bundle.advance(go_to=self._turn)
        return {name: rewards[name] + more[name] for name in REWARD_NAMES}

    def _require_hope(self, skipped: int, forced: Mapping[str, Any] | None) -> None:
        if forced:
            raise HciError(
                f"The game ended before the {self.train} could act from the start that was forced."
            )
        if skipped >= PATIENCE:
            raise HciError(
                f"The game ended before the {self.train} could act in every one of {PATIENCE} episodes."
            )

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act, and play on to the agent's next turn; see `gymnasium.Env.step`."""
        given = self._code.decode(action)
        user, assistant = (given, None) if self.train == "user" else (None, given)
        bundle = self.bundle
        rewards = bundle.advance(user, assistant, go_to=self._turn)
        reward = weighted(rewards, self.weights) if self.weights else sum(rewards.values())
        reward += self._owed
        self._owed = 0.0
        if bundle.is_done or bundle.truncated:
            self.agent.observe()
        return self._look(), reward, bundle.is_done, bundle.truncated, {"rewards": rewards}

    def _look(self) -> Any:
        seen = self._lens(known_to(self.agent))
        return flatten(self._lens.space, seen) if self.flatten else seen

    def render(self) -> Any:
        """Return the game as text (`ansi`), or as the picture (400, 640, 3) that the agent may see (`rgb_array`)."""
        return render(self.bundle, self.train, self.render_mode)

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()

    def expert_action(self) -> Any:
        """Return what the agent's own policy would do now, in the learner's space: an expert to imitate.

        It draws anew in every round and disturbs nothing: asked twice it says the same, and the game goes on alike.
        """
        return self.encode(self.agent.take_action(affect=False)[0])

    def encode(self, action: Any) -> Any:
        """Return an action as it is recorded in the learner's space, as `step` takes it."""
        return self._code.encode(action)

    def stand(self, seed: int, episode: int, forced: Mapping[str, Any], owed: float) -> None:
        """Take the place of a game that is under way elsewhere: the vectors answer questions about single games so.

        Args:
            seed: Its seed.
            episode: Its episode.
            forced: Its state, as `Bundle.reset` takes it.
            owed: What was earned before its first step, if that is still ahead.
        """
        turn = int(self._turn)
        self.bundle.reset(turn, turn, forced=forced, seed=seed, episode=episode)
        self._has_seed, self._owed = True, owed

    @property
    def np_random_seed(self) -> int:
        """The seed of the game."""
        if not self._has_seed:
            self._given = seed_of(self.bundle, self._given)
            return self._given
        return self.bundle.seed

    def _masks(self) -> NDArray[np.bool_] | None:
        return legal_actions(self.bundle, self.train)


def as_array(observation: Observation) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return an observation as one flat vector, entries in the order of their names."""
    return np.concatenate(
        [np.ravel(observation[name]).astype(np.float64) for name in sorted(observation)]
    )
