"""A game as a gymnasium environment: one agent learns, the other one plays as it does."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import Turn
from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode, Lens, known_to, observation_space
from taskloom_hci.task import Role

Observation = dict[str, Any]


class GameEnv(gymnasium.Env[Observation, Any]):
    """One agent of a bundle, to be trained.

    A step takes the agent's action and plays on until it is this agent's turn to act again; the reward is the sum of all
    that was earned on the way, times `weights`. A time limit truncates. `reset(seed=...)` fixes everything that follows.

    Args:
        bundle: The game.
        train: Which agent acts through `step`: `user` or `assistant`.
        weights: A factor for single rewards by name; the others count once.
        render_mode: `ansi`, or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012 -- gymnasium declares it so

    def __init__(
        self,
        bundle: Bundle,
        train: Role = "user",
        *,
        weights: dict[str, float] | None = None,
        render_mode: str | None = None,
    ) -> None:
        agent: Agent | None = (
            getattr(bundle, train, None) if train in {"user", "assistant"} else None
        )
        if agent is None:
            raise HciError(
                f"The agent to train is the game's 'user' or 'assistant', and this game has no {train!r}."
            )
        if render_mode not in {None, "ansi"}:
            raise HciError(f"The render mode is 'ansi' or None, not {render_mode!r}.")
        self.bundle, self.agent, self.train = bundle, agent, train
        self.weights = dict(weights or {})
        self.render_mode = render_mode
        self._turn = Turn.USER_ACT if train == "user" else Turn.ASSISTANT_ACT
        self._code = ActionCode(agent.policy.element)
        self.action_space = self._code.space
        bundle.reset(go_to=0, episode=0)
        self.observation_space = observation_space(bundle, agent)
        self._lens = Lens(self.observation_space)
        bundle.episode = -1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; see `gymnasium.Env.reset`.

        Args:
            seed: Root of all random numbers from now on.
            options: `{"forced": ...}` with what `Bundle.reset` takes under that name; the rest is ignored.
        """
        super().reset(seed=seed)
        self.bundle.reset(go_to=0, seed=seed, forced=(options or {}).get("forced"))
        # If the other agent ends the game before this one can act, that episode has nothing to learn: take the next one.
        while not self._play_to_turn():
            self.bundle.reset(go_to=0, forced=(options or {}).get("forced"))
        return self._look(), {"episode": self.bundle.episode}

    def _play_to_turn(self) -> bool:
        if self.bundle.turn != self._turn:
            self.bundle.advance(go_to=self._turn)
        return not self.bundle.over

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Act, and play on to the agent's next turn; see `gymnasium.Env.step`."""
        given = self._code.decode(action)
        user, assistant = (given, None) if self.train == "user" else (None, given)
        bundle = self.bundle
        rewards = bundle.advance(user, assistant, go_to=self._turn)
        reward = sum(rewards.values())
        for name, weight in self.weights.items():
            reward += (weight - 1.0) * rewards[name]
        if bundle.is_done or bundle.truncated:
            self.agent.observe()
        return self._look(), reward, bundle.is_done, bundle.truncated, {"rewards": rewards}

    def _look(self) -> Observation:
        return self._lens(known_to(self.agent))

    def render(self) -> str | None:
        """Return the game as text if the mode is `ansi`."""
        return self.bundle.render() if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()

    def expert_action(self) -> Any:
        """Return what the agent's own policy would do now, in the learner's space: an expert to imitate."""
        return self._code.encode(self.agent.take_action(affect=False)[0])

    @property
    def np_random_seed(self) -> int:
        """The seed of the game."""
        return self.bundle.seed


def as_array(observation: Observation) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return an observation as one flat vector, entries in the order of their names."""
    return np.concatenate(
        [np.ravel(observation[name]).astype(np.float64) for name in sorted(observation)]
    )
