"""Policies: the interface, the random and the constant one, and a pair of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import override

from taskloom_hci.state.elements import Element, Value, discrete_array_element
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import Participant


class Policy(ABC):
    """Chooses an action.

    Attributes:
        element: What an action may be; an action outside its space follows the element's mode.
    """

    element: Element

    def bind(self, agent: Participant) -> None:
        """Get to know the agent and, through it, the game; called once the game is put together."""
        del agent

    def reset(self) -> None:
        """Forget the last episode."""
        return

    @abstractmethod
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        """Return an action and a reward (acting may cost something).

        Args:
            observation: What the agent saw last.
            state: The agent's own state.
            stream: Random numbers of the agent.
        """


class RandomPolicy(Policy):
    """Draws every action from its space.

    Args:
        element: The action's element; by default an integer in [-100, 100].
    """

    def __init__(self, element: Element | None = None) -> None:
        self.element = element or discrete_array_element(low=-100, high=100, init=0)

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del observation, state
        return self.element.draw(stream), 0.0


class LapsingPolicy(Policy):
    """Acts as another policy does, and now and then anyhow: the mixture of a model with a uniform draw.

    Args:
        policy: The other policy.
        anything: The actions of a lapse, each alike.
        lapse: Probability of a lapse, in (0, 1).
    """

    def __init__(self, policy: Policy, anything: Element, lapse: float) -> None:
        self.policy, self.anything, self.lapse = policy, anything, lapse
        self.element = policy.element

    @override
    def bind(self, agent: Participant) -> None:
        self.policy.bind(agent)

    @override
    def reset(self) -> None:
        self.policy.reset()

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        if stream.uniform() < self.lapse:
            return self.anything.draw(stream), 0.0
        return self.policy.act(observation, state, stream)


def lapsing(policy: Policy, anything: Element, lapse: float) -> Policy:
    """Return a policy that lapses; without a lapse it is the policy itself, which then draws no number more."""
    return LapsingPolicy(policy, anything, lapse) if lapse else policy


class ConstantPolicy(Policy):
    """Always does the same.

    Args:
        element: The action's element; its first value is the action.
    """

    def __init__(self, element: Element) -> None:
        self.element = element

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del observation, state, stream
        # An element never changes, so its first value is the action without a copy.
        return self.element.init, 0.0


class DualPolicy(Policy):
    """One policy in the real game, another one inside a simulation of it.

    Attributes:
        mode: Which of the two is in use.
    """

    def __init__(self, primary: Policy, dual: Policy) -> None:
        self.primary = primary
        self.dual = dual
        self.mode: Literal["primary", "dual"] = "primary"
        self.element = primary.element  # one for both: the task need not know which of them acts

    @override
    def bind(self, agent: Participant) -> None:
        self.primary.bind(agent)
        self.dual.bind(agent)

    @override
    def reset(self) -> None:
        self.primary.reset()
        self.dual.reset()

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        # A simulation turns the mode of its own copy; the agent of the real game keeps the primary policy.
        policy = self.primary if self.mode == "primary" else self.dual
        return policy.act(observation, state, stream)
