"""The games of a session's file, played again and compared with it bit by bit, what was believed included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from typing_extensions import override

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.batch.loop import play_loop
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.policies.policy import Policy
from taskloom_hci.recordings.game import Moved, SeatedGame, plain
from taskloom_hci.recordings.lines import Event
from taskloom_hci.state.elements import Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import Role


@dataclass(frozen=True, slots=True)
class Act:
    """One recorded action of a person, or the moment at which an agent took the seat over.

    Attributes:
        role: The seat.
        value: The action; None if the agent plays from here on.
        rt: Reaction time [ms]; NaN if the page did not tell both of its times, or another session has it.
        device: The device; empty if another session has it.
        digest: Digest of the game after it; empty if another session has it.
        effect: The data of the effect that followed; empty if the process died before.
    """

    role: Role
    value: Any
    rt: float = float("nan")
    device: str = ""
    digest: str = ""
    effect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RecordedGame:
    """One game of a session.

    Attributes:
        condition: The condition.
        episode: Number of the game in its block.
        game: Number of the game among those of the study, which are the same in every condition; -1 in practice.
        seed: The seed it was played with, as its episode 0.
        practice: Whether it was practice.
        seats: The seats that people had at its beginning.
        seat: The seat of this session's person.
        pair: Name of the shared game, if two people played it.
        acts: The actions of people in their order.
        is_over: Whether it came to an end.
    """

    condition: str
    episode: int
    game: int
    seed: int
    practice: bool
    seats: tuple[Role, ...] = ("user",)
    seat: Role = "user"
    pair: str = ""
    acts: list[Act] = field(default_factory=list)
    is_over: bool = False

    def values(self, role: Role) -> list[Any]:
        """Return the actions of a person in their order."""
        return [act.value for act in self.acts if act.role == role and act.value is not None]


def games_of(lines: Iterable[Event]) -> list[RecordedGame]:
    """Return the games of a session in their order."""
    games: list[RecordedGame] = []
    for line in lines:
        data = line.data
        if line.kind == "start":
            games.append(
                RecordedGame(
                    condition=line.condition,
                    episode=line.episode,
                    game=int(data["game"]),
                    seed=int(data["seed"]),
                    practice=bool(data["practice"]),
                    seats=tuple(data.get("seats", ("user",))),
                    seat=data.get("seat", "user"),
                    pair=data.get("pair", ""),
                )
            )
        elif games and line.kind == "action":
            rt = float("nan") if line.rt is None else line.rt
            game = games[-1]
            game.acts.append(Act(game.seat, data["value"], rt, line.device, line.digest))
        elif games and line.kind == "effect":
            _add_effect(games[-1], data)
        elif games and line.kind == "end":
            games[-1].is_over = bool(data["done"] or data["truncated"])
    return games


def _add_effect(game: RecordedGame, data: Mapping[str, Any]) -> None:
    if game.acts and not game.acts[-1].effect and "left" not in data:
        game.acts[-1] = replace(game.acts[-1], effect=data)
    if "left" in data:
        game.acts.append(Act(data["left"], None, effect=data))
    elif data.get("by") == "person":
        other: Role = "assistant" if game.seat == "user" else "user"
        if other in data:
            game.acts.append(Act(other, data[other]))


def play_again(game: RecordedGame, bundle: Bundle, session: str = "") -> SeatedGame:
    """Play a recorded game again, and return it as it stands after its last action.

    Args:
        game: The recorded game.
        bundle: A game of the same task and agents; it is reset.
        session: Name of the session, for the sentence of an error.

    Raises:
        HciError: A digest, a reward, an answer or a belief differs; the sentence names the session, the episode and the round.
    """
    seated = SeatedGame(bundle, game.seats)
    seated.begin(game.seed)
    for act in game.acts:
        begun = seated.round
        if act.value is None:
            seated.leave(act.role)
            continue
        try:
            moved = seated.act(act.role, act.value)
        except HciError as error:
            raise _differs(game, session, begun, error.message) from None
        found = dict(_differences(seated, moved, act))
        if found:
            name, (now, recorded) = next(iter(found.items()))
            raise _differs(game, session, begun, f"the {name} is {now}, recorded {recorded}")
    return seated


def _differences(
    seated: SeatedGame, moved: Moved, act: Act
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what is another now than in the recording, the digest first."""
    if act.digest and (now := seated.digest()) != act.digest:
        yield "digest", (now, act.digest)
    effect = act.effect
    if "reward" in effect and effect["reward"] != moved.reward:
        yield "reward", (moved.reward, effect["reward"])
    if "belief" in effect and effect["belief"] != seated.beliefs():
        yield "belief", (seated.beliefs(), effect["belief"])
    if effect.get("by") == "agent" and "assistant" in effect:
        answer = None if moved.assistant is None else plain(moved.assistant)
        if answer != effect["assistant"]:
            yield "assistant's action", (answer, effect["assistant"])


def _differs(game: RecordedGame, session: str, begun: int, why: str) -> HciError:
    return HciError(
        f"Session {session}, condition '{game.condition}', episode {game.episode}, round {begun}: played again, {why}."
    )


class _Script(Policy):
    """The recorded actions of a person, by round; behind their end the agent's own policy.

    Args:
        own: The agent's own policy.
        actions: The actions.
        bundle: The game.
    """

    def __init__(self, own: Policy, actions: Sequence[Any], bundle: Bundle) -> None:
        self.element = own.element
        self._own, self._actions, self._bundle = own, actions, bundle

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        step = self._bundle.round_index
        if step < len(self._actions):
            return self._actions[step], 0.0
        return self._own.act(observation, state, stream)


def episode_of(game: RecordedGame, bundle: Bundle) -> Episodes | None:
    """Return a recorded game as one full episode; None if not one whole round was played.

    A game that was left is cut off behind its last whole round.

    Args:
        game: The recorded game.
        bundle: A game of the same task and agents; its state and its policies stay as they were.
    """
    agents = {"user": bundle.user, "assistant": bundle.assistant}
    policies = [(agent, agent.policy) for agent in agents.values() if agent is not None]
    limit = bundle.max_rounds
    try:
        for role in game.seats:
            agent = agents[role]
            if agent is not None:
                agent.policy = _Script(agent.policy, game.values(role), bundle)
        if not game.is_over:
            whole = len(game.values(game.seats[-1]))
            if whole == 0:
                return None
            bundle.max_rounds = whole if limit is None else min(whole, limit)
        bundle.seed, bundle.is_seeded = game.seed, True
        played = play_loop(bundle, [0], full=True)
    finally:
        bundle.max_rounds = limit
        for agent, policy in policies:
            agent.policy = policy
    return replace(played, episode=np.array([game.episode], dtype=np.int64))
