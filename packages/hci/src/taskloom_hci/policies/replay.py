"""Doing again what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.errors import HciError
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

if TYPE_CHECKING:
    from taskloom_hci.task import Participant


class ReplayPolicy(Policy):
    """Takes the recorded action of this agent in the same round of the same episode.

    Args:
        episodes: The recording.
        element: What an action may be.
    """

    def __init__(self, episodes: Episodes, element: Element) -> None:
        self.element = element
        # By the episode's number and not its place: a part of a recording may be played, in any order.
        self._starts = {
            int(number): int(first)
            for number, first in zip(episodes.episode, episodes.offsets, strict=False)
        }
        self._lengths = dict(
            zip(episodes.episode.tolist(), episodes.num_rounds.tolist(), strict=True)
        )
        self._actions = {
            role: episodes.rounds.get(f"{role}_action") for role in ("user", "assistant")
        }
        self._agent: Participant | None = None

    @override
    def bind(self, agent: Participant) -> None:
        self._agent = agent
        if self._actions[agent.role] is None:
            raise HciError(f"The recording has no actions of the {agent.role}.")

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del observation, state, stream
        agent = self._agent
        actions = self._actions[agent.role] if agent is not None else None
        if agent is None or actions is None:
            raise HciError("A replay needs to be part of a bundle.")
        episode, step = agent.game.episode, agent.game.round_index
        # A different task or assistant may take the game beyond what was recorded; a guess would look like data.
        if episode not in self._starts or step >= self._lengths[episode]:
            raise HciError(f"The recording has no round {step} of episode {episode}.")
        return np.asarray(actions[self._starts[episode] + step]), 0.0
