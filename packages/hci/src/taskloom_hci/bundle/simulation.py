"""A game inside an agent: look-ahead, and whole games used as an engine or a policy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import DualInference
from taskloom_hci.inference.information import TOLERANCE
from taskloom_hci.observation.engine import ObservationEngine
from taskloom_hci.policies.policy import DualPolicy, Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream, mix
from taskloom_hci.task import InteractionTask, Participant


class Imagined(NamedTuple):
    """Start of a simulated game, and its weight.

    Attributes:
        weight: How probable it is.
        user: Values of the imagined user's state.
        assistant: Values of the imagined assistant's state.
    """

    weight: float
    user: dict[str, Any]
    assistant: dict[str, Any]


class Together(Protocol):
    """Plays all simulated games of one decision at once."""

    def __call__(
        self,
        game: StateTree,
        candidates: NDArray[Any],
        imagined: Sequence[Imagined],
        seeds: Sequence[int],
        rounds: int,
        /,
    ) -> NDArray[np.float64]:
        """Return the returns (I, X) of games that begin with each candidate; every imagined pair has a seed."""
        ...


class SimulatedGame:
    """A second game that an agent plays in its head: the task as it stands, an imagined user, an imagined assistant.

    The real game never notices: the task is a copy, and the random numbers are the simulation's own. Agents with a
    `DualPolicy` or a `DualInference` use the dual one here.

    Args:
        task: The real task; it is copied.
        user: The imagined user.
        assistant: The imagined assistant.
        max_rounds: Rounds after which a simulated game is cut off, counted from its start.
        together: Plays all games of a decision at once, with the returns that they have one by one.
    """

    def __init__(
        self,
        task: InteractionTask,
        user: Agent,
        assistant: Agent,
        max_rounds: int = 100,
        *,
        together: Together | None = None,
    ) -> None:
        twin = copy.copy(task)
        twin.state = copy.deepcopy(task.state)
        twin.bundle = None
        for agent in (user, assistant):
            for engine in (agent.policy, agent.inference_engine):
                if isinstance(engine, (DualPolicy, DualInference)):
                    engine.mode = "dual"
        self.max_rounds, self.together = max_rounds, together
        self.bundle = Bundle(twin, user, assistant)

    def value(
        self,
        game: StateTree,
        turn: int,
        assistant_action: Value,
        stream: Stream,
        *,
        user_state: Mapping[str, Any] | None = None,
        assistant_state: Mapping[str, Any] | None = None,
        rounds: int = 10,
    ) -> float:
        """Return the sum of rewards of one simulated game that goes on from a real one.

        Args:
            game: The real game's state as the agent sees it: `task_state`, `user_action` and `game_info`.
            turn: The turn to go on from.
            assistant_action: What the assistant does first.
            stream: Random numbers; one of them seeds the simulated game.
            user_state: Values of the imagined user's state.
            assistant_state: Values of the imagined assistant's state.
            rounds: How many rounds to look ahead.
        """
        bundle = self.bundle
        forced: dict[str, Any] = {
            "task_state": game["task_state"],
            "user_state": dict(user_state or {}),
            "assistant_state": dict(assistant_state or {}),
            "user_action": game["user_action"],
        }
        seed = mix(int(stream.uniform() * 2**53))
        bundle.max_rounds = rounds
        bundle.reset(go_to=turn, start_after=turn, forced=forced, seed=seed, task=False)
        total = sum(bundle.advance(assistant_action=assistant_action, go_to=0).values())
        while not bundle.over:
            total += sum(bundle.advance().values())
        return float(total)

    def values(
        self,
        game: StateTree,
        candidates: NDArray[Any],
        imagined: Sequence[Imagined],
        stream: Stream,
        rounds: int,
    ) -> NDArray[np.float64]:
        """Return the returns (I, X) of games in which the assistant begins with each candidate, for everything imagined.

        Args:
            game: See `value`.
            candidates: First actions of the assistant, (X, ...).
            imagined: What to simulate.
            stream: Random numbers; one for each of `imagined`, since every candidate meets the same luck.
            rounds: How many rounds to look ahead.
        """
        if self.together is not None:
            seeds = [mix(int(stream.uniform() * 2**53)) for _ in imagined]
            return self.together(game, candidates, imagined, seeds, rounds)
        totals = np.zeros((len(imagined), len(candidates)))
        for row, one in zip(totals, imagined, strict=True):
            for i, action in enumerate(candidates):
                row[i] = self.value(
                    game,
                    3,
                    action,
                    stream.fork(),
                    user_state=one.user,
                    assistant_state=one.assistant,
                    rounds=rounds,
                )
            stream.uniform()
        return totals


class RolloutPolicy(Policy):
    """Tries every action in simulated games and takes the best.

    With `V(a, i)` the return of a simulated game that goes on from here with action `a` against the imagined user `i`, it
    takes the action with the largest `sum_i weight_i V(a, i)`. Every action meets the same users and the same luck.

    Args:
        element: What an action may be.
        candidates: The actions to try (X, ...).
        simulation: Makes the simulation when the game is put together.
        imagine: Returns what to simulate, given what the agent sees, its state and random numbers.
        rounds: How many rounds to look ahead.
        live: Returns the actions to try now, given what the agent sees and its state; by default all candidates.
    """

    def __init__(
        self,
        element: Element,
        candidates: NDArray[Any],
        simulation: Callable[[InteractionTask], SimulatedGame],
        imagine: Callable[[StateTree, Mapping[str, Any], Stream], Sequence[Imagined]],
        *,
        rounds: int = 10,
        live: Callable[[StateTree, Mapping[str, Any]], NDArray[Any]] | None = None,
    ) -> None:
        if not len(candidates):
            raise HciError("A roll-out needs at least one action to try.")
        self.element, self.candidates, self.live = element, candidates, live
        self._make, self.imagine = simulation, imagine
        self.rounds = rounds
        self._simulation: SimulatedGame | None = None

    @override
    def bind(self, agent: Participant) -> None:
        self._simulation = self._make(agent.game.task)

    @property
    def together(self) -> Together | None:
        """Player of all simulated games of a decision at once, once the game is put together."""
        return None if self._simulation is None else self._simulation.together

    def tried(self, observation: StateTree, state: Mapping[str, Any]) -> NDArray[Any]:
        """Return the actions that it tries now, (X, ...)."""
        return self.candidates if self.live is None else self.live(observation, state)

    def values(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> NDArray[np.float64]:
        """Return the expected return of every action that it tries now, (X,)."""
        simulation = self._simulation
        if simulation is None:
            raise HciError("A roll-out policy needs to be part of a bundle.")
        imagined, tried = self.imagine(observation, state, stream), self.tried(observation, state)
        returns = simulation.values(observation, tried, imagined, stream, self.rounds)
        totals = np.zeros(len(tried))
        for one, row in zip(imagined, returns, strict=True):
            totals += one.weight * row
        return totals

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        worth = self.values(observation, state, stream)
        # The first of those within rounding of the best: the choice does not hang on the order of a sum.
        tried = self.tried(observation, state)
        return tried[int(np.argmax(worth >= worth.max() - TOLERANCE))], 0.0


class GameAsPolicy(Policy):
    """Plays a whole other game to choose an action.

    Args:
        element: What an action may be.
        bundle: The inner game.
        enter: What the inner game starts from, given the observation: what `Bundle.reset` takes as `forced`.
        leave: The action, given the inner game's last state.
    """

    def __init__(
        self,
        element: Element,
        bundle: Bundle,
        enter: Callable[[StateTree], dict[str, Any]],
        leave: Callable[[StateTree], Value],
    ) -> None:
        self.element, self.bundle, self._enter, self._leave = element, bundle, enter, leave

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del state
        last, total = play_inner(self.bundle, self._enter(observation), stream)
        return self._leave(last), total


class GameAsObservation(ObservationEngine):
    """Plays a whole other game to perceive, and is charged what that game costs (looking for the cursor, for instance).

    Args:
        bundle: The inner game.
        enter: What the inner game starts from, given the state of the outer one.
        leave: The observation, given the outer state and the inner game's last state.
    """

    def __init__(
        self,
        bundle: Bundle,
        enter: Callable[[StateTree], dict[str, Any]],
        leave: Callable[[StateTree, StateTree], StateTree],
    ) -> None:
        self.bundle, self._enter, self._leave = bundle, enter, leave

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        last, total = play_inner(self.bundle, self._enter(game_state), stream)
        return self._leave(game_state, last), total


def play_inner(bundle: Bundle, forced: dict[str, Any], stream: Stream) -> tuple[StateTree, float]:
    """Play a game to its end and return its last state and the sum of its rewards; one number of `stream` seeds it."""
    bundle.reset(go_to=0, forced=forced, seed=mix(int(stream.uniform() * 2**53)))
    total = 0.0
    while not bundle.over:
        total += sum(bundle.advance().values())
    return bundle.snapshot(), total
