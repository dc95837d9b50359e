"""Inference engines: the interface, a buffer of past observations, and combinations of engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import override

from taskloom_hci.errors import BufferNotFilledError
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import Participant


class InferenceEngine(ABC):
    """Turns an observation into new values of the agent's own state."""

    def bind(self, agent: Participant) -> None:
        """Get to know the agent and, through it, the game; called once the game is put together."""
        del agent

    def reset(self) -> None:
        """Forget the last episode."""
        return

    @abstractmethod
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        """Return the entries of the agent's state that change, and a reward (thinking may cost something).

        Args:
            observation: What the agent saw last.
            state: The agent's state before.
            stream: Random numbers of the agent.
        """


class NoInference(InferenceEngine):
    """Leaves the agent's state as it is."""

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del observation, state, stream
        return {}, 0.0


class Buffer:
    """The last few observations, oldest first.

    Args:
        depth: How many are kept.
    """

    def __init__(self, depth: int = 1) -> None:
        self.depth = depth
        self._kept: deque[StateTree] = deque(maxlen=depth)

    def push(self, observation: StateTree) -> None:
        """Keep an observation and drop the oldest."""
        self._kept.append(observation)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()

    def full(self) -> tuple[StateTree, ...]:
        """Return all `depth` observations.

        Raises:
            BufferNotFilledError: If there are fewer.
        """
        # A shorter history would be taken for a full one by an engine that reads it by position.
        if len(self._kept) < self.depth:
            raise BufferNotFilledError(
                f"{len(self._kept)} of the {self.depth} observations needed were made so far."
            )
        return tuple(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class CascadedInference(InferenceEngine):
    """Several engines in a row on the same observation: each sees the state the one before it left; rewards add up."""

    def __init__(self, engines: Sequence[InferenceEngine]) -> None:
        self.engines = tuple(engines)

    @override
    def bind(self, agent: Participant) -> None:
        for engine in self.engines:
            engine.bind(agent)

    @override
    def reset(self) -> None:
        for engine in self.engines:
            engine.reset()

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        # A copy of the whole state for the engines to see, and only the changes for the agent to store: assigning an entry
        # that did not change would still go through its element.
        current, changes, total = dict(state), dict[str, Any](), 0.0
        for engine in self.engines:
            changed, reward = engine.infer(observation, current, stream)
            current.update(changed)
            changes.update(changed)
            total += reward
        return changes, total


class DualInference(InferenceEngine):
    """One engine in the real game, another one inside a simulation of it.

    Attributes:
        mode: Which of the two is in use.
    """

    def __init__(self, primary: InferenceEngine, dual: InferenceEngine) -> None:
        self.primary = primary
        self.dual = dual
        self.mode: Literal["primary", "dual"] = "primary"

    @override
    def bind(self, agent: Participant) -> None:
        self.primary.bind(agent)
        self.dual.bind(agent)

    @override
    def reset(self) -> None:
        self.primary.reset()
        self.dual.reset()

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        # The mode is turned by a simulation on its own agents; see `DualPolicy`.
        engine = self.primary if self.mode == "primary" else self.dual
        return engine.infer(observation, state, stream)
