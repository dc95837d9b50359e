"""One person at one game: what is noted of it, and what the person is told."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

from typing import Any

from taskloom_hci.errors import HciError
from taskloom_hci.recordings.game import Moved, SeatedGame, plain
from taskloom_hci.study.plan import Step
from taskloom_hci.study.protocol import ProtocolError
from taskloom_hci.study.scene import Scene
from taskloom_hci.task import Role


class Sitting:
    """A person's seat at a game.

    Args:
        game: The game; two people may sit at it.
        seat: The person's seat.
        step: The step of the visit.
        scene: What the seat shows.
        pair: Name of the game if two people sit at it.

    Attributes:
        total: Rewards so far.
    """

    def __init__(
        self, game: SeatedGame, seat: Role, step: Step, scene: Scene, pair: str = ""
    ) -> None:
        self.seat: Role = seat
        self.game, self.step, self.scene, self.pair = game, step, scene, pair
        self.total = 0.0
        scene.begin(step)

    @property
    def is_mine(self) -> bool:
        """True if it is the person's turn."""
        return self.game.to_move == self.seat

    def opening(self) -> dict[str, Any]:
        """Return the message that begins the game."""
        return self.scene.begin(self.step)

    def start(self) -> dict[str, Any]:
        """Return what is noted of the beginning."""
        step = self.step
        told: dict[str, Any] = {"game": step.game, "seed": step.seed, "practice": step.is_practice}
        if self.pair:
            told |= {"seats": list(self.game.seats), "seat": self.seat, "pair": self.pair}
        return told

    def play(self, value: Any) -> tuple[Any, Moved]:
        """Play what a page sent, and return it as it is noted, with what followed.

        Raises:
            ProtocolError: It is another's turn, or no choice of this game.
        """
        if not self.is_mine:
            raise ProtocolError("busy", "It is the turn of the other person.")
        try:
            admitted = self.scene.admitted(value)
        except HciError as refused:
            raise ProtocolError("illegal", refused.message) from None
        return plain(admitted), self.game.act(self.seat, admitted)

    def place(self, begun: int) -> dict[str, Any]:
        """Return where in the study a line belongs."""
        step = self.step
        return {
            "page": "game",
            "condition": step.condition,
            "episode": step.episode,
            "round": begun,
        }

    def effect_data(self, moved: Moved, by: str = "agent") -> dict[str, Any]:
        """Return what is noted of the consequences of an action."""
        data: dict[str, Any] = {"reward": moved.reward, "by": by}
        for name in ("assistant", "user"):
            if (value := getattr(moved, name)) is not None:
                data[name] = plain(value)
        belief = self.scene.belief()
        if belief is not None:
            data["belief"] = belief
        return data

    def effect(self, seq: int, moved: Moved) -> dict[str, Any]:
        """Return the message that tells of the consequences of the person's own action."""
        bundle = self.game.bundle
        message = {
            "type": "effect",
            "seq": seq,
            "reward": moved.reward,
            "view": self.scene.view(moved),
            "done": bundle.is_done,
            "truncated": bundle.truncated,
        }
        if moved.assistant is not None:
            message["assistant"] = plain(moved.assistant)
        return message

    def state(self, seq: int) -> dict[str, Any]:
        """Return the message that tells how the game stands."""
        state: dict[str, Any] = {
            "type": "state",
            "seq": seq,
            "round": self.game.round,
            "view": self.scene.view(),
            "legal": self.is_mine,
        }
        belief = self.scene.belief()
        if belief is not None:
            state["belief"] = belief
        return state

    def ends(self) -> dict[str, Any]:
        """Return what is noted of the end."""
        bundle = self.game.bundle
        return {
            "rounds": self.game.round + bundle.is_done,
            "return": self.total,
            "done": bundle.is_done,
            "truncated": bundle.truncated,
        }
