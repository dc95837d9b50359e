"""People with parameters of their own, who play one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.streams import stream_keys, uniforms

Int: TypeAlias = NDArray[np.int64]

PERSON = "person"


@dataclass(frozen=True, slots=True)
class PeopleDrawn:
    """Draws a set of parameters for every person; it depends on the seed and on nothing that happened before.

    Attributes:
        weights: Weights of the sets, (K,).
        games: Games that a person plays before the next one comes.
    """

    weights: NDArray[np.float64]
    games: int = 1

    def playing(self, seed: int, episode: int) -> tuple[int, int]:
        """Return the number of the person of an episode, and that of their set."""
        numbers, which = self.in_episodes(seed, np.array([episode]))
        return int(numbers[0]), int(which[0])

    def in_episodes(self, seed: int, episodes: Int) -> tuple[Int, Int]:
        """Return the numbers of the people of episodes (n,), and those of their sets."""
        numbers = episodes // self.games
        return numbers, self.sets(seed, numbers)

    def sets(self, seed: int, numbers: Int) -> Int:
        """Return the numbers of the sets of people (n,), by their own numbers."""
        draws = uniforms(stream_keys(seed, PERSON, numbers), 0)
        upto = np.cumsum(self.weights)[:-1]
        return np.asarray(np.searchsorted(upto, draws, side="right"), dtype=np.int64)


class DrawnAgent(Agent):
    """A user of any game who is another person after some games.

    Args:
        variants: One plain agent for each set of parameters; they differ in policy and parameters alone.
        people: Whose turn it is.
    """

    def __init__(self, variants: Sequence[Agent], people: PeopleDrawn) -> None:
        first = variants[0]
        super().__init__(
            "user",
            policy=first.policy,
            state=first.state,
            observation=first.observation_engine,
            inference=first.inference_engine,
            parameters=first.parameters,
        )
        self.variants, self.people = tuple(variants), people
        self.state[PERSON] = discrete_array_element(low=0)

    @override
    def reset(self) -> None:
        super().reset()
        self.become(*self.people.playing(self.game.seed, self.game.episode))

    def become(self, number: int, which: int) -> None:
        """Play as a person, by their number and that of their set of parameters."""
        self.state[PERSON] = number
        self.policy, self.parameters = self.variants[which].policy, self.variants[which].parameters
