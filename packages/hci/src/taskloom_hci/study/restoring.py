"""Visits as their journals leave them: after a crash, or a restart, each goes on where its last written event is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from taskloom_hci.errors import HciError
from taskloom_hci.recordings.game import Moved, SeatedGame
from taskloom_hci.recordings.lines import Event
from taskloom_hci.recordings.replay import Act, RecordedGame, games_of
from taskloom_hci.study.plan import Step
from taskloom_hci.study.visit import Visit


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A game that a visit was in when its journal ends.

    Attributes:
        visit: The visit.
        game: The game as it was recorded.
        lines: The lines of the game.
    """

    visit: Visit
    game: RecordedGame
    lines: Sequence[Event]

    @property
    def step(self) -> Step:
        """The step as it was begun: a game of two follows the order of one of them."""
        own, game = self.visit.step, self.game
        return Step("game", own.id, game.condition, own.number, game.episode, game.game, game.seed)


def restore(visit: Visit) -> Unfinished | None:
    """Go to the place where the journal ends, and return the game that the visit was in."""
    begun: list[Event] = []
    for event in visit.journal.lines[1:]:
        if event.kind in ("consent", "answer"):
            visit.answered(int(event.data["to"]))
        elif event.kind in ("done", "withdraw"):
            visit.ended = str(event.data["reason"])
        elif event.kind == "start":
            begun = [event]
        elif begun and event.kind in ("action", "effect"):
            begun.append(event)
            visit.seq += event.kind == "action"
        elif event.kind == "end":
            begun = []
            visit.at += 1
    visit.outbox.clear()
    if visit.ended or not begun:
        return None
    (game,) = games_of(begun)
    return Unfinished(visit, game, begun)


def sit_again(found: Sequence[Unfinished]) -> None:
    """Play an unfinished game again up to its last written action, and seat its people.

    Args:
        found: The game as its one person recorded it, or as each of its two did.

    Raises:
        HciError: A digest differs; the sentence names the session, the episode and the round.
    """
    first = found[0]
    game = SeatedGame(first.visit.materials.take(first.game.condition), first.game.seats)
    for one in found:
        one.visit.sit(game, one.game.seat, one.step, one.game.pair, notes=False)
    if len(found) > 1:
        first.visit.partner, found[1].visit.partner = found[1].visit, first.visit
    noted = [sum(event.kind == "effect" for event in one.lines) for one in found]
    for place, act in enumerate(_acts(found)):
        begun = game.round
        if act.value is None:
            moved = game.leave(act.role)
        else:
            moved = game.act(act.role, act.value)
            _compare(first, act, game, begun)
        for one, count in zip(found, noted, strict=True):
            _note(one.visit, act, moved, begun, is_noted=place < count)
    for one in found:
        if game.is_over:
            one.visit.finish()
        elif len(found) == 1 and len(game.seats) > 1:
            one.visit.go_alone()  # the other person's file is gone, or damaged
        one.visit.outbox.clear()


def _acts(found: Sequence[Unfinished]) -> Iterator[Act]:
    """Yield the actions at a game in their order; of two people each one's own file has the last word on their own."""
    if len(found) == 1:
        yield from found[0].game.acts
        return
    own = {
        one.game.seat: [act for act in one.game.acts if act.role == one.game.seat] for one in found
    }
    for acts in zip_longest(*(own[role] for role in found[0].game.seats)):
        yield from (act for act in acts if act is not None)


def _compare(one: Unfinished, act: Act, game: SeatedGame, begun: int) -> None:
    if act.digest and game.digest() != act.digest:
        raise HciError(
            f"Session {one.visit.id}, condition '{one.game.condition}', episode {one.game.episode}, round {begun}: played "
            "again, the game is another; the code or the machine has changed."
        )


def _note(visit: Visit, act: Act, moved: Moved | None, begun: int, *, is_noted: bool) -> None:
    """Count what an action brought a person; note it as well where the process died before that."""
    sitting = visit.sitting
    if sitting is None or moved is None:
        return
    if is_noted:
        sitting.total += moved.reward
    elif act.role == sitting.seat:
        visit.seq -= 1  # it counts once its effect is told
        visit.take_effect(moved, begun)
    else:
        data = {**sitting.effect_data(moved, by="person"), act.role: act.value}
        visit.journal.note("effect", data=data, **sitting.place(begun))
        sitting.total += moved.reward
