"""Agents, policies and engines with the signatures of the seed system (CoopIHC)."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.observation.engine import ObservationEngine
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value, discrete_array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import Participant, Role


class BasePolicy(Policy):
    """A policy with `sample(agent_observation, agent_state) -> (action, reward)`; by itself it draws from its space.

    Args:
        action_state: What an action may be: an element, or a state with one element called `action`.
    """

    def __init__(self, *, action_state: Element | State | None = None) -> None:
        if isinstance(action_state, State):
            action_state = action_state.element("action")
        self.element = action_state or discrete_array_element(low=-100, high=100, init=0)
        self.stream = Stream(0)
        self.host: Participant | None = None

    @override
    def bind(self, agent: Participant) -> None:
        self.host = agent

    @property
    def default_value(self) -> Value:
        """The first value of the action."""
        return self.element.init

    def sample(self, agent_observation: Any = None, agent_state: Any = None) -> tuple[Value, float]:
        """Return an action and a reward; random numbers come from `self.stream`."""
        del agent_observation, agent_state
        return self.element.draw(self.stream), 0.0

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        self.stream = stream
        return self.sample(agent_observation=observation, agent_state=state)


class BaseObservationEngine:
    """An observation engine with `observe(game_state) -> (observation, reward)`; by itself it sees everything."""

    stream = Stream(0)

    def observe(self, game_state: Any = None) -> tuple[Any, float]:
        """Return the observation and its reward."""
        return game_state, 0.0


class BaseInferenceEngine:
    """An inference engine with `infer(agent_observation) -> (state, reward)`; by itself it changes nothing.

    The state that it returns may be a mapping with the entries that change, or `self.host.state` changed in place.
    """

    stream = Stream(0)
    host: Participant

    def infer(self, agent_observation: Any = None) -> tuple[Any, float]:
        """Return the agent's new state and the reward."""
        del agent_observation
        return {}, 0.0


class _Seeing(ObservationEngine):
    """Lets an engine of the seed's signature see."""

    def __init__(self, engine: BaseObservationEngine) -> None:
        self.engine = engine

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        self.engine.stream = stream
        return self.engine.observe(game_state)


class _Thinking(InferenceEngine):
    """Lets an engine of the seed's signature think; a mere query leaves the agent's state as it was."""

    def __init__(self, engine: BaseInferenceEngine) -> None:
        self.engine = engine

    @override
    def bind(self, agent: Participant) -> None:
        self.engine.host = agent

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        live = self.engine.host.state
        before = live.snapshot()
        self.engine.stream = stream
        try:
            changed, reward = self.engine.infer(observation)
            after = changed.snapshot() if isinstance(changed, State) else dict(changed)
        finally:
            live.restore(before)
        return after, reward


class BaseAgent(Agent):
    """An agent made with the seed's keywords; parts may be instances, or classes with keywords of their own.

    Args:
        role: `user` or `assistant`.
        agent_state: Its own state.
        agent_policy: Its policy; likewise `agent_observation_engine` and `agent_inference_engine`.
        agent_observation_engine: See `agent_policy`.
        agent_inference_engine: See `agent_policy`.
        policy_kwargs: Keywords for a policy that is given as a class; likewise the two below.
        observation_engine_kwargs: See `policy_kwargs`.
        inference_engine_kwargs: See `policy_kwargs`.
        override_state: Replaces `agent_state`.
        override_policy: Replaces the policy: `(policy, keywords)`; likewise the two below.
        override_observation_engine: See `override_policy`.
        override_inference_engine: See `override_policy`.
        parameters: Named constants that the task and the other agent see as well.
    """

    def __init__(
        self,
        role: Role,
        *,
        agent_state: State | None = None,
        agent_policy: Any = None,
        agent_observation_engine: Any = None,
        agent_inference_engine: Any = None,
        policy_kwargs: Mapping[str, Any] | None = None,
        observation_engine_kwargs: Mapping[str, Any] | None = None,
        inference_engine_kwargs: Mapping[str, Any] | None = None,
        override_state: State | None = None,
        override_policy: Any = None,
        override_observation_engine: Any = None,
        override_inference_engine: Any = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        seeing = _part(
            agent_observation_engine, observation_engine_kwargs, override_observation_engine
        )
        thinking = _part(agent_inference_engine, inference_engine_kwargs, override_inference_engine)
        super().__init__(
            role,
            state=agent_state if override_state is None else override_state,
            policy=_part(agent_policy, policy_kwargs, override_policy),
            observation=_Seeing(seeing) if isinstance(seeing, BaseObservationEngine) else seeing,
            inference=_Thinking(thinking)
            if isinstance(thinking, BaseInferenceEngine)
            else thinking,
            parameters=parameters,
        )


def _part(given: Any, keywords: Mapping[str, Any] | None, override_with: Any) -> Any:
    if override_with is not None:
        if not isinstance(override_with, tuple) or len(override_with) != 2:
            raise HciError(f"An override is a pair (part, keywords), not {override_with!r}.")
        given, keywords = override_with
    return given(**(keywords or {})) if isinstance(given, type) else given
