"""A user or an assistant: a state, and three engines that observe, infer and act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from taskloom import Component

from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import InferenceEngine, NoInference
from taskloom_hci.observation.engine import (
    ASSISTANT_VIEW,
    USER_VIEW,
    ObservationEngine,
    RuleObservation,
)
from taskloom_hci.policies.policy import Policy, RandomPolicy
from taskloom_hci.state.elements import Value
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream, query_key
from taskloom_hci.task import Game, Role


class Agent:
    """One of the two players.

    Args:
        role: `user` or `assistant`.
        policy: Chooses actions; by default a random integer in [-100, 100].
        state: The agent's own state; by default empty.
        observation: What it sees; by default everything except the other agent's state.
        inference: What it concludes; by default nothing.
        parameters: Named constants that the task and the other agent see as well.

    Attributes:
        observation: What it saw last in this episode, or None.
        stream: Random numbers of this agent in this episode.
        body: The parameters that it was made from, if it was.
    """

    def __init__(
        self,
        role: Role,
        *,
        policy: Policy | None = None,
        state: State | None = None,
        observation: ObservationEngine | None = None,
        inference: InferenceEngine | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if role not in {"user", "assistant"}:
            raise HciError(f"An agent's role is 'user' or 'assistant', not {role!r}.")
        self.role: Role = role
        self.state = state if state is not None else State()
        self.policy: Policy = policy or RandomPolicy()
        default = RuleObservation(USER_VIEW if role == "user" else ASSISTANT_VIEW)
        self.observation_engine: ObservationEngine = observation or default
        self.inference_engine: InferenceEngine = inference or NoInference()
        self.parameters: dict[str, Any] = dict(parameters or {})
        self.observation: StateTree | None = None
        self.stream = Stream(0)
        self.bundle: Game | None = None
        self.body: Component | None = None

    def finit(self) -> None:
        """Finish the set-up once the game is put together: `self.game.task` exists now."""
        return

    def on_bundle_constraints(self) -> Iterable[str] | None:
        """Return a sentence for every reason why this agent cannot play this task."""
        return None

    def reset(self) -> None:
        """Start a new episode. Without a `reset` of its own, an agent goes back to the first values of its state."""
        for key, element in self.state.elements.items():
            self.state[key] = element.init

    @property
    def game(self) -> Game:
        """The game this agent is part of."""
        if self.bundle is None:
            raise HciError(f"The {self.role} is not part of a bundle yet.")
        return self.bundle

    @property
    def action(self) -> Value:
        """The agent's last action."""
        return self.game.last_action(self.role)

    def observe(
        self, game_state: StateTree | None = None, *, affect: bool = True
    ) -> tuple[StateTree, float]:
        """Look at the game, or at any other game state.

        Args:
            game_state: A snapshot; by default of the game as it stands.
            affect: Remember the observation; without it the agent and its random numbers stay as they are.

        Returns:
            The observation and its reward.
        """
        engine = self.observation_engine
        if game_state is None and engine.parts is not None:
            seen, reward = (self.bundle or self.game).parts(engine.parts), 0.0
        else:
            snapshot = self.game.snapshot() if game_state is None else game_state
            stream = self.stream if affect else self.query_stream()
            seen, reward = engine.observe(snapshot, stream)
        if affect:
            self.observation = seen
        return seen, reward

    def infer(
        self, observation: StateTree | None = None, *, affect: bool = True
    ) -> tuple[StateTree, float]:
        """Think about an observation, by default the last one.

        Returns:
            The agent's state after it, as a snapshot, and the reward.
        """
        if type(self.inference_engine) is NoInference:
            return self.state.snapshot(), 0.0
        stream = self.stream if affect else self.query_stream()
        seen = self._seen() if observation is None else observation
        changes, reward = self.inference_engine.infer(seen, self.state.snapshot(), stream)
        if affect:
            for key, value in changes.items():
                self.state[key] = value
            return self.state.snapshot(), reward
        return {**self.state.snapshot(), **changes}, reward

    def take_action(
        self,
        observation: StateTree | None = None,
        state: Mapping[str, Any] | None = None,
        *,
        affect: bool = True,
    ) -> tuple[Value, float]:
        """Choose an action; the task does not notice.

        Returns:
            The action as its element holds it, and the reward.
        """
        stream = self.stream if affect else self.query_stream()
        return self._choose(self.observation if observation is None else observation, state, stream)

    def _choose(
        self, observation: StateTree | None, state: Mapping[str, Any] | None, stream: Stream
    ) -> tuple[Value, float]:
        seen = self._seen() if observation is None else observation
        own = self.state.snapshot() if state is None else state
        action, reward = self.policy.act(seen, own, stream)
        return self.policy.element.admit(action), reward

    def predict(
        self,
        observation: StateTree | Sequence[StateTree] | None = None,
        *,
        deterministic: bool = True,
    ) -> tuple[Value, None]:
        """Return an action the way Stable-Baselines3 models do, so that an agent can be an imitation expert.

        Args:
            observation: One observation, or several, which give one action each, stacked; by default what the agent would
                see now.
            deterministic: Leave the agent's random numbers where they are, so that asking again gives the same.
        """
        stream = self.query_stream() if deterministic else self.stream
        if observation is not None and not isinstance(observation, Mapping):
            rows = [self._choose(seen, None, stream)[0] for seen in observation]
            return np.array(rows), None
        seen = self.observe(affect=False)[0] if observation is None else observation
        return self._choose(seen, None, stream)[0], None

    def query_stream(self) -> Stream:
        """Return random numbers for a question that the game does not notice.

        They follow from seed, role, episode, round and turn: asked twice at one turn it gives the same numbers, at the
        next turn others, and never those by which the agent itself acts.
        """
        game = self.bundle
        if game is None:
            return self.stream.fork()
        step = 4 * game.round_index + int(game.turn)
        return Stream(query_key(game.seed, self.role, game.episode, step))

    def _seen(self) -> StateTree:
        # An agent may be asked to act before it looked (a reset that starts after its turn): it then sees the game as it is.
        return self.observation if self.observation is not None else self.observe(affect=False)[0]
