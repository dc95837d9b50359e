"""A game in which people sit: it goes from one person's turn to the next, and the rest is played for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import Turn
from taskloom_hci.errors import HciError
from taskloom_hci.state.elements import Value
from taskloom_hci.state.state import flatten
from taskloom_hci.task import Role

PARTS = ("game_info", "task_state", "user_state", "assistant_state")
PARTS_ACTED = ("user_action", "assistant_action")
_TURN_OF: dict[Role, Turn] = {"user": Turn.USER_ACT, "assistant": Turn.ASSISTANT_ACT}


@dataclass(frozen=True, slots=True)
class Moved:
    """Consequences of an action, up to the next turn of a person.

    Attributes:
        reward: Sum of the rewards.
        assistant: The assistant's action since, if it acted.
        user: The user's action since, if it is another one's.
        is_over: Whether the game is over.
    """

    reward: float
    assistant: Value | None
    user: Value | None
    is_over: bool


class SeatedGame:
    """A game of a bundle with people in its seats.

        game = SeatedGame(bundle)
        game.begin(seed)
        while not game.is_over:
            game.act("user", ask())

    Args:
        bundle: The game; what is not played by a person is played by its agents.
        seats: The roles that people play.
    """

    def __init__(self, bundle: Bundle, seats: Sequence[Role] = ("user",)) -> None:
        for role in seats:
            if getattr(bundle, role) is None:
                raise HciError(f"{bundle.name} has no seat for the role '{role}'.")
        self.bundle = bundle
        self.seats: tuple[Role, ...] = tuple(role for role in _TURN_OF if role in seats)
        self.is_begun = False

    @property
    def is_over(self) -> bool:
        """True once the game has ended or was cut off."""
        return self.bundle.over

    @property
    def round(self) -> int:
        """Rounds that were played."""
        return self.bundle.round_index

    @property
    def to_move(self) -> Role | None:
        """The role whose person acts next; None if the game is over."""
        if self.bundle.over:
            return None
        return next(role for role in self.seats if _TURN_OF[role] == self.bundle.turn)

    def begin(self, seed: int, episode: int = 0) -> Moved:
        """Begin a game and play up to the first turn of a person."""
        self.is_begun = True
        self.bundle.reset(go_to=int(_TURN_OF[self.seats[0]]), seed=seed, episode=episode)
        opening = self.bundle.opening
        earned = 0.0 if opening is None else opening.reward
        first = self.bundle.last_action("user") if "user" not in self.seats else None
        return Moved(earned, None, first, self.bundle.over)

    def act(self, role: Role, value: Value) -> Moved:
        """Play the action of a person and what follows, up to the next turn of a person.

        Raises:
            HciError: It is another's turn, or the action does not fit; the game is then as it was before.
        """
        if role != self.to_move:
            raise HciError(f"It is not the turn of the {role}.")
        return self._advance(role, value)

    def leave(self, role: Role) -> Moved | None:
        """Let the agent play for a person from now on; return what followed if it was the person's turn."""
        was_next = self.to_move == role
        self.seats = tuple(seat for seat in self.seats if seat != role)
        if not was_next or not self.seats:
            return None
        moved = self._advance(role, None)
        own = self.bundle.last_action(role)
        return replace(moved, user=own) if role == "user" else replace(moved, assistant=own)

    def _advance(self, role: Role, value: Value | None) -> Moved:
        bundle = self.bundle
        other: Role = "assistant" if role == "user" else "user"
        stop = _TURN_OF[other if other in self.seats else self.seats[0]]
        given = {f"{role}_action": value} if value is not None else {}
        rewards = bundle.advance(**given, go_to=stop)
        reply = bundle.last_action(other) if self._has_replied(role, other) else None
        is_users = other == "user"
        return Moved(
            sum(rewards.values()),
            None if is_users else reply,
            reply if is_users else None,
            bundle.over,
        )

    def _has_replied(self, role: Role, other: Role) -> bool:
        """Return whether the agent in the other seat has acted since the action of a person."""
        bundle = self.bundle
        if other in self.seats or getattr(bundle, other) is None:
            return False
        ended_by_user = bundle.is_done and bundle.turn == Turn.USER_ACT
        if role == "user":  # the user's half may end the game before the assistant acts
            return not ended_by_user
        return not bundle.over or ended_by_user

    def digest(self) -> str:
        """Return the digest of the game as it stands: its state, what the agents believe, and the last actions."""
        tree = self.bundle.parts((*PARTS, *PARTS_ACTED))
        return digest_of(flatten(tree))

    def beliefs(self) -> list[float] | None:
        """Return what the assistant believes of every target, the shares of the goal; None if it believes nothing."""
        assistant = self.bundle.assistant
        if assistant is None or "log_beliefs" not in assistant.state:
            return None
        shares: list[float] = np.exp(assistant.state.snapshot()["log_beliefs"]).tolist()
        return shares


def digest_of(flat: dict[str, Any]) -> str:
    """Return 32 hexadecimal digits that stand for values by flat name; integers and floats count as 64 bits."""
    told: list[bytes] = []
    for name, value in flat.items():
        array = np.asarray(value)
        kind = np.int64 if array.dtype.kind in "biu" else np.float64
        told += (_head(name, array.shape), array.astype(kind, copy=False).tobytes())
    return hashlib.blake2b(b"".join(told), digest_size=16).hexdigest()


@lru_cache(maxsize=1024)
def _head(name: str, shape: tuple[int, ...]) -> bytes:
    return f"{name}{shape}".encode()


def plain(value: Any) -> Any:  # noqa: ANN401 -- an action of any element, as JSON
    """Return an action as a number or a list of numbers."""
    return np.asarray(value).tolist()
