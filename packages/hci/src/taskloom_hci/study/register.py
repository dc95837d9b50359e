"""All visits of a study: who has come, who is there, who has finished, and which row of the design is free."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from taskloom.errors import TaskloomError
from taskloom.system.files import fsync_folder

from taskloom_hci.recordings.game import SeatedGame
from taskloom_hci.recordings.journal import SUFFIX, Journal
from taskloom_hci.recordings.lines import FORMAT
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.orders import free_row
from taskloom_hci.study.plan import num_rows
from taskloom_hci.study.protocol import ProtocolError
from taskloom_hci.study.restoring import Unfinished, restore, sit_again
from taskloom_hci.study.visit import Visit
from taskloom_hci.study.withdrawn import Withdrawn
from taskloom_hci.task import Role

MOST_VISITS = 64  # at a time
# How recruiting platforms name the person in the address.
PERSON_IDS = ("PROLIFIC_PID", "participant", "workerId", "person")
EVERYONE, SIMULATED, SINGLE, DESK = "everyone", "simulated", "link-", "desk"

_log = logging.getLogger(__name__)


class VisitRegister:
    """The visits of one study.

    Args:
        materials: The study.
        folder: Where the files of the sessions lie.
        is_frozen: Whether visits count; before, they are pilots.

    Attributes:
        visits: The visits by session.
        damaged: Sentences about files that cannot go on.
        stirred: Visits that have something to tell although their people have sent nothing.
        withdrawn: Visits whose data are to be deleted.
    """

    def __init__(self, materials: Materials, folder: Path, *, is_frozen: bool) -> None:
        self.materials, self.folder, self.is_frozen = materials, folder, is_frozen
        self.visits: dict[str, Visit] = {}
        self.damaged: list[str] = []
        self._by_link: dict[str, str] = {}
        self._rows = num_rows(materials.config)
        folder.mkdir(parents=True, exist_ok=True)
        self.stirred: set[Visit] = set()
        self.withdrawn = Withdrawn()
        self._waiting: dict[str, Visit] = {}
        self._since: dict[str, float] = {}
        self._reopen(sorted(folder.glob(f"*{SUFFIX}")))
        self.withdrawn.forget()

    def _reopen(self, paths: Iterable[Path]) -> None:
        """Bring visits back to where their files end; games of two people need both files."""
        before = set(self.visits.values())
        games: dict[str, list[Unfinished]] = {}
        for path in paths:
            try:
                unfinished = self._opened(path)
            except (TaskloomError, OSError, KeyError, TypeError, ValueError) as error:
                self._leave_out(path, error)
                continue
            if unfinished is not None:
                pair = unfinished.game.pair or unfinished.visit.id
                games.setdefault(pair, []).append(unfinished)
        for found in games.values():
            try:
                sit_again(found)
            except (TaskloomError, KeyError, TypeError, ValueError) as error:
                for one in found:
                    del self.visits[one.visit.id]
                    one.visit.journal.close()
                    self._leave_out(one.visit.journal.path, error)
        for visit in set(self.visits.values()) - before:
            # What a full disk does not take now stays noted, and is written with the next event.
            with contextlib.suppress(OSError):
                visit.journal.commit()

    def _opened(self, path: Path) -> Unfinished | None:
        journal = Journal(path)
        if not journal.lines:
            journal.close()
            path.unlink()  # not even its first line was answered
            return None
        opened = journal.lines[0].data
        visit = Visit(self.materials, journal, opened)
        unfinished = restore(visit)
        self._keep(visit, str(opened.get("link", opened.get("door", ""))))
        if visit.ended == "withdrawn" and visit.person:
            # The process ended, or the disk was full, before the data were deleted.
            self.withdrawn.add(visit)
        return unfinished

    def _leave_out(self, path: Path, error: Exception) -> None:
        # One damaged file must not keep the others from going on; it stays as it is.
        self.damaged.append(f"{path.name}: {error}")
        _log.warning("the session %s cannot go on: %s", path.name, error)

    def _keep(self, visit: Visit, link: str) -> None:
        visit.meet, visit.stir = self._meet, self.stirred.add
        self.visits[visit.id] = visit
        if link.startswith(SINGLE):
            self._by_link[link] = visit.id

    def enter(self, hello: Mapping[str, Any], links: Sequence[str]) -> Visit:
        """Return the visit that a page belongs to: the one that it names, or a new one.

        Raises:
            ProtocolError: There is no place, or the person has been here.
            OSError: The file of a new visit cannot be made.
        """
        visit = self.visits.get(str(hello.get("session") or ""))
        link = next((name for name in links if name.startswith(SINGLE)), links[0])
        if visit is None:
            visit = self.visits.get(self._by_link.get(link, ""))
        if visit is not None:
            visit.greet(hello, is_new=False)
            return visit
        if len(self.present) >= MOST_VISITS:
            raise ProtocolError("full", "There are too many visits now; please come back later.")
        return self._admit(hello, link)

    def _admit(self, hello: Mapping[str, Any], link: str) -> Visit:
        ids = dict(hello.get("ids") or {})
        number = len(
            [visit for visit in self.visits.values() if visit.counts == self.is_counted(link)]
        )
        person = next((ids[name] for name in PERSON_IDS if ids.get(name)), "")
        if person and any(
            visit.person == person and visit.counts for visit in self.visits.values()
        ):
            raise ProtocolError("closed", "You have taken part already.")
        session = secrets.token_hex(8)
        opened = {
            "format": FORMAT,
            "session": session,
            "number": number,
            "row": self._row(self.is_counted(link)),
            "person": person or f"p{number + 1:03d}",
            "pilot": not self.is_counted(link),
            "simulated": link == SIMULATED,
            "link": link,
            "ids": ids,
        }
        path = self.folder / f"{session}{SUFFIX}"
        journal = Journal(path)
        visit = Visit(self.materials, journal, opened)
        opened["order"] = visit.conditions
        journal.note("open", data=opened)
        try:
            fsync_folder(self.folder)
        except OSError:
            journal.close()
            raise
        self._keep(visit, link)
        visit.greet(hello, is_new=True)
        return visit

    def is_counted(self, link: str) -> bool:
        """Return whether a visit that begins now counts."""
        return self.is_frozen or link == SIMULATED

    def _row(self, counts: bool) -> int:
        """Return the row of the design for a new person; one who has left or was sent away has freed theirs."""
        idle = self.materials.config.study.idle_minutes * 60
        now = time.monotonic()
        taken = [
            visit.row
            for visit in self.visits.values()
            if visit.counts == counts
            and (visit.ended == "finished" or (not visit.ended and now - visit.seen < idle))
        ]
        return free_row(self._rows, taken)

    @property
    def present(self) -> list[Visit]:
        """The visits that go on and were heard of lately."""
        idle = self.materials.config.study.idle_minutes * 60
        now = time.monotonic()
        return [v for v in self.visits.values() if not v.ended and now - v.seen < idle]

    @property
    def finished(self) -> int:
        """People who have played to the end, pilots left out."""
        return sum(visit.counts and visit.ended == "finished" for visit in self.visits.values())

    def _meet(self, visit: Visit) -> None:
        """Seat a visit with the one that waits for another person, or let it wait."""
        condition = visit.step.condition
        other = self._waiting.get(condition)
        if other is None or other is visit or other.ended or other.sitting is not None:
            self._waiting[condition] = visit
            self._since.setdefault(visit.id, time.monotonic())
            limit = self.materials.part(condition).limit
            waited = time.monotonic() - self._since[visit.id]
            visit.outbox.append({"type": "wait", "since": round(waited, 1), "limit": limit})
            return
        del self._waiting[condition]
        self._since.pop(other.id, None)
        seats = self.materials.part(condition).seats
        game = SeatedGame(self.materials.take(condition), seats)
        pair, step = secrets.token_hex(8), other.step
        # Who waited plays the user, as in the games before: both come to each new game in the order in which they left.
        first, second = sorted((other, visit), key=lambda one: one.last_seat != "user")
        placed: tuple[tuple[Visit, Role], ...] = ((first, seats[0]), (second, seats[1]))
        for one, seat in placed:
            one.sit(game, seat, step, pair)
            one.last_seat = seat
        first.partner, second.partner = second, first
        for one in (first, second):
            one.show()
        self.stirred.add(other)

    def tick(self, connected: Container[str]) -> None:
        """Let no person wait for longer than the study says, neither for another to come nor for one who has gone.

        Args:
            connected: The visits whose page is there.
        """
        self.withdrawn.forget()
        now = time.monotonic()
        for condition, visit in list(self._waiting.items()):
            part = self.materials.part(condition)
            if visit.ended or visit.sitting is not None:
                del self._waiting[condition]
            elif now - self._since.get(visit.id, now) > part.limit:
                del self._waiting[condition]
                self._since.pop(visit.id, None)
                if part.if_alone == "simulate":
                    visit.sit_alone()
                else:
                    visit.end("alone")
                visit.show()
                self.stirred.add(visit)
        for visit in list(self.visits.values()):
            other = visit.partner
            if other is None or visit.id not in connected:
                continue
            part = self.materials.part(visit.step.condition)
            if other.ended or (other.id not in connected and now - other.seen > part.limit):
                self._part(visit, other, part.if_alone)

    def _part(self, visit: Visit, other: Visit, if_alone: str) -> None:
        """Let a person whose partner has gone play on with an agent, or end the visit."""
        other.partner = None
        if not other.ended:
            other.sitting = None
            other.end("left")
            self.stirred.add(other)
        if if_alone == "simulate":
            visit.go_alone()
        else:
            visit.end("alone")
            visit.show()
            self.stirred.add(visit)

    def reload(self, visit: Visit) -> list[str]:
        """Go back to what the file of a visit says: its last events could not be written.

        The other person at a game goes back as well, so that both play one game.

        Returns:
            The sessions whose pages must come again.
        """
        if self.visits.get(visit.id) is not visit:
            return []  # it has gone back already, with the other person
        gone = [visit] if visit.partner is None else [visit, visit.partner]
        for one in gone:
            one.journal.close()
            del self.visits[one.id]
            self.stirred.discard(one)
        self._waiting = {name: one for name, one in self._waiting.items() if one not in gone}
        self._reopen([one.journal.path for one in gone])
        return [one.id for one in gone]

    def close(self) -> None:
        """Close every file."""
        for visit in self.visits.values():
            visit.journal.close()

    def progress(self) -> dict[str, Any]:
        """Return how far the study is, without any person's data."""
        visits = list(self.visits.values())
        return {
            "people": self.materials.config.study.people,
            "finished": self.finished,
            "present": len(self.present),
            "screened": sum(visit.ended == "screened" for visit in visits),
            "withdrawn": sum(visit.ended == "withdrawn" for visit in visits),
            "pilots": sum(not visit.counts for visit in visits),
            "frozen": self.is_frozen,
            "damaged": len(self.damaged),
        }
