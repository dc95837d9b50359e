"""The two number games for many episodes at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.models.polynomial import SIZE, PolynomialModel
from taskloom_hci.observation.engine import RuleObservation
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.policies.policy import ConstantPolicy, Policy, RandomPolicy
from taskloom_hci.state.spaces import bounds
from taskloom_hci.state.streams import UInt64, stream_keys, uniforms

Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

CHUNK = 16_384
FIRST, SECOND = (REWARD_NAMES.index(f"{half}_task_reward") for half in ("first", "second"))


@dataclass(frozen=True, slots=True)
class Actor:
    """An agent whose action is a number that follows from the number of the game and one random number a round.

    Attributes:
        act: Returns the actions (n,) for numbers (n,) and uniform draws (n,).
        idle: What stands for a turn that was not played.
        own: Entries of its state by flat name, which never change.
    """

    act: Callable[[Int, NDArray[np.float64]], Int]
    idle: int
    own: dict[str, int] = field(default_factory=dict)


def actor_of(agent: Agent) -> Actor | None:
    """Return an agent as arrays, or None if it is more than that."""
    engine, policy = agent.observation_engine, agent.policy
    plain = (
        type(agent) is Agent
        and type(agent.inference_engine) is NoInference
        and type(engine) is RuleObservation
        and "task_state" in (engine.parts or ())
        and (policy.element.space.shape or ()) == ()
    )
    if not plain:
        return None
    if type(policy) is ModelPolicy and type(policy.model) is PolynomialModel:
        return _polynomial(agent, policy.model)
    if type(policy) in {ConstantPolicy, RandomPolicy} and not agent.state:
        return _stateless(policy)
    return None


def _stateless(policy: Policy) -> Actor:
    idle = int(policy.element.init)
    if type(policy) is ConstantPolicy:
        return Actor(lambda x, u: np.full(len(x), idle), idle)
    bottom, top = bounds(policy.element.space)
    low, count = int(bottom), int(top) - int(bottom) + 1
    return Actor(lambda x, u: low + np.minimum((u * count).astype(np.int64), count - 1), idle)


def _polynomial(agent: Agent, model: PolynomialModel) -> Actor | None:
    if tuple(agent.state) != model.hidden or model.lapse:
        return None
    own = {name: int(agent.state.element(name).init) for name in model.hidden}
    p0, p1, p2 = own.values()
    return Actor(
        lambda x, u: (8 + p0 * x + p1 * x**2 + p2 * x**3) % SIZE,
        int(agent.policy.element.init),
        {f"{agent.role}_state__{name}": value for name, value in own.items()},
    )


@dataclass(frozen=True, slots=True)
class Halves:
    """Rules of the two halves of a round, for numbers (n,): `(x, actions, the user's actions) -> (x, done)`."""

    first: Callable[[Int, Int], tuple[Int, Bool]]
    second: Callable[[Int, Int, Int], tuple[Int, Bool]]


def _add(x: Int, action: Int) -> tuple[Int, Bool]:
    """Do what `Example` does on either half, for many games."""
    after = x + action
    # The end is where the sum would be 4 or more, the number itself stops at its bounds.
    return np.clip(after, -1, 4), after >= 4


def _same(x: Int, action: Int, user_action: Int) -> tuple[Int, Bool]:
    """Do what `Coordinated` does on the assistant's half, for many games."""
    return np.minimum(x + (action == user_action), 9), np.zeros(len(x), dtype=bool)


EXAMPLE = Halves(_add, lambda x, action, _: _add(x, action))
COORDINATED = Halves(lambda x, _: (x.copy(), x == 9), _same)


def example_kernel(game: Bundle) -> SmallKernel | None:
    """Return the kernel of the example, or None if one of its agents has no description as arrays."""
    return small_kernel(game, EXAMPLE)


def coordinated_kernel(game: Bundle) -> SmallKernel | None:
    """Return the kernel of the coordinated game, likewise."""
    return small_kernel(game, COORDINATED)


def small_kernel(game: Bundle, halves: Halves) -> SmallKernel | None:
    """Return the kernel of a number game with these rules, or None if one of its agents has no description as arrays."""
    actors = [
        actor_of(agent) if agent is not None else None for agent in (game.user, game.assistant)
    ]
    user, assistant = actors
    if user is None or (assistant is None and game.assistant is not None):
        return None
    return SmallKernel(halves, user, assistant, game.max_rounds)


class SmallKernel:
    """Plays a number game that starts at 0 and in which every half costs 1.

    Args:
        halves: The rules.
        user: The user.
        assistant: The assistant, if there is one.
        max_rounds: Rounds after which an episode is cut off.
    """

    compiled = False

    def __init__(
        self, halves: Halves, user: Actor, assistant: Actor | None, max_rounds: int | None
    ) -> None:
        self.halves, self.user, self.assistant = halves, user, assistant
        self.max_rounds = max_rounds

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        del backend  # NumPy is the only one; another one was refused before
        parts = np.array_split(episodes, max(1, -(-len(episodes) // CHUNK)))
        return join([self._play(seed, part) for part in parts])

    def _play(self, seed: int, episodes: Int) -> Episodes:
        n = len(episodes)
        keys = {name: stream_keys(seed, name, episodes) for name in ("user", "assistant")}
        x, alive = np.zeros(n, np.int64), np.arange(n)
        is_done, num_rounds = np.zeros(n, bool), np.zeros(n, np.int64)
        rewards = np.zeros((n, len(REWARD_NAMES)))
        rows: list[tuple[Int, Int, Int, Int]] = []
        r = 0
        while len(alive) and (self.max_rounds is None or r < self.max_rounds):
            before = x[alive]
            # Draw number r in round r: these agents draw once a round, or never.
            acted = self.user.act(before, _draw(keys["user"], alive, r))
            after, done = self.halves.first(before, acted)
            rewards[alive, FIRST] -= 1.0
            helped = np.full(len(alive), self.assistant.idle if self.assistant else 0)
            if self.assistant is not None:
                on = np.flatnonzero(~done)
                draw = _draw(keys["assistant"], alive[on], r)
                helped[on] = self.assistant.act(after[on], draw)
                after[on], done[on] = self.halves.second(after[on], helped[on], acted[on])
                rewards[alive[on], SECOND] -= 1.0
            x[alive] = after
            num_rounds[alive] = r + 1
            is_done[alive] = done
            rows.append((alive, before, acted, helped))
            alive = alive[~done]
            r += 1
        episode, number, acts, helps = (np.concatenate(c) for c in zip(*rows, strict=True))
        order = np.argsort(episode, kind="stable")
        columns: dict[str, Any] = {"task_state__x": number[order]}
        for name, value in self.user.own.items():
            columns[name] = np.full(len(order), value)
        columns["user_action"] = acts[order]
        if self.assistant is not None:
            columns["assistant_action"] = helps[order]
        return Episodes(
            episode=episodes,
            num_rounds=num_rounds,
            is_done=is_done,
            truncated=~is_done,
            rewards=rewards,
            fixed={},
            rounds=columns,
        )


def _draw(keys: UInt64, rows: Int, r: int) -> NDArray[np.float64]:
    return uniforms(keys[rows], r)
