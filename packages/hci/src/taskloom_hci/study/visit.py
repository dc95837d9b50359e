"""One person's way through a study: what comes in is noted, and what goes out is what the notes say.

A visit is a function of its journal: read again after a crash, the journal leads to the same place (`restoring`). No answer
leaves before its event is written; the server sees to that.
"""

# ruff: noqa: ANN401 -- actions are JSON

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from taskloom_hci.recordings.game import Moved, SeatedGame
from taskloom_hci.recordings.journal import Journal
from taskloom_hci.recordings.lines import Kind
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.pages import wrong_fields
from taskloom_hci.study.plan import Step, conditions_of, plan
from taskloom_hci.study.protocol import ProtocolError, error
from taskloom_hci.study.scene import Scene
from taskloom_hci.study.sitting import Sitting
from taskloom_hci.task import Role


class Visit:
    """The visit of one person.

    Args:
        materials: The study.
        journal: The open file of the session; its first event is `open`.
        opened: The data of that event.

    Attributes:
        outbox: Messages that go out once the journal is written.
        ended: Reason of its end, or empty.
        sitting: The game that the person sits at.
        partner: The other person at the game.
        told: Answers by the number of what they answer.
        meet: Called when the visit comes to a game for two.
        stir: Called with a visit that has something to tell although its person has sent nothing.
    """

    def __init__(self, materials: Materials, journal: Journal, opened: Mapping[str, Any]) -> None:
        self.materials, self.journal = materials, journal
        self.id = str(opened["session"])
        self.number, self.row = int(opened["number"]), int(opened["row"])
        self.person = str(opened["person"])
        self.is_pilot = bool(opened["pilot"])
        self.is_simulated = bool(opened["simulated"])
        self.steps = plan(materials.config, self.number, self.row)
        self.at = 0
        self.seq = 0
        self.ended = ""
        self.outbox: list[dict[str, Any]] = []
        self.seen = time.monotonic()
        self.sitting: Sitting | None = None
        self.partner: Visit | None = None
        self.last_seat = ""
        self.told: dict[int, dict[str, Any]] = {}
        self.meet: Callable[[Visit], None] | None = None
        self.stir: Callable[[Visit], None] | None = None

    @property
    def step(self) -> Step:
        """The step that the visit is at."""
        return self.steps[min(self.at, len(self.steps) - 1)]

    @property
    def counts(self) -> bool:
        """True unless it is a pilot."""
        return not self.is_pilot

    @property
    def conditions(self) -> list[str]:
        """The conditions in the person's order."""
        return conditions_of(self.materials.config, self.number, self.row)

    # What the page sends ---------------------------------------------------------------------------------------------

    def greet(self, hello: Mapping[str, Any], *, is_new: bool) -> None:
        """Answer the first message of a page: the session, and the place where it is."""
        told = {name: hello[name] for name in ("size", "dpr", "pointer") if name in hello}
        self.journal.note("hello" if is_new else "reconnect", data=told, page=self.step.id)
        if is_new and not self._is_window_right(hello):
            self.end("screened")
        self.outbox.append(
            {
                "type": "welcome",
                "session": self.id,
                "seq": self.seq,
                "page": self.step.id,
                "progress": [self.at, len(self.steps)],
            }
        )
        self.show()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Do what a message asks for.

        Raises:
            ProtocolError: It is not accepted; the visit is as it was.
        """
        self.seen = time.monotonic()
        kind = message["type"]
        if kind == "ping":
            now = time.monotonic() * 1000
            self.outbox.append({"type": "pong", "t": message["t"], "s": round(now, 3)})
        elif kind == "note":
            data = {name: message[name] for name in ("client_t", "size") if name in message}
            self.journal.note(message["kind"], data=data, page=self.step.id)
        elif kind == "withdraw":
            self.end("withdrawn")
            self.show()
        elif kind in ("answer", "action"):
            self._numbered(message)
        else:
            raise ProtocolError("schema", "A visit is greeted once.")

    def _numbered(self, message: Mapping[str, Any]) -> None:
        seq = message["seq"]
        if self.ended:
            raise ProtocolError("closed", "The visit is over.")
        if seq < self.seq:
            self.journal.note("duplicate", data={"seq": seq}, page=self.step.id)
            self.outbox.append(self.told.get(seq, {"type": "effect", "seq": seq}))
            return
        if seq > self.seq:
            self.journal.note("refused", data={"seq": seq, "code": "gap"}, page=self.step.id)
            self.outbox.append(error("gap", f"The next number is {self.seq}."))
            self.show()
            return
        if message["type"] == "answer":
            self._answer(message)
        else:
            self._act(message)

    def refuse(self, problem: ProtocolError) -> None:
        """Note and tell that a message was not accepted."""
        self.journal.note("refused", data={"code": problem.code}, page=self.step.id)
        self.outbox.append(error(problem.code, problem.text))

    # Pages -----------------------------------------------------------------------------------------------------------

    def _answer(self, message: Mapping[str, Any]) -> None:
        step, values = self.step, message["values"]
        if step.kind in ("game", "thanks") or message["page"] != step.id:
            raise ProtocolError("illegal", "That page is not shown now.")
        wrong = wrong_fields(self.materials.pages.fields(step), values)
        if wrong:
            raise ProtocolError("illegal", f"There is no answer to '{wrong[0][:40]}' that fits.")
        to = self._after(step, values)
        kind: Kind = "consent" if step.kind == "consent" else "answer"
        data = {"values": values, "to": to, "seq": self.seq}
        self.journal.note(kind, data=data, page=step.id, condition=step.condition)
        self.answered(to)
        if to < 0:
            self.end("screened")
        self.show()

    def _after(self, step: Step, values: Mapping[str, Any]) -> int:
        """Return the step after a page; -1 ends the visit."""
        pages = self.materials.pages
        refuses = step.kind == "consent" and pages.config.consent.required
        if refuses and values.get("agree") is not True:
            return -1
        if step.kind == "eligibility" and not pages.is_eligible(values):
            return -1
        if step.kind == "check" and not pages.is_right(values):
            kinds = [item.kind for item in self.steps]
            return kinds.index("text") if "text" in kinds else self.at
        return self.at + 1

    def answered(self, to: int) -> None:
        """Go to the step after an answer; -1 ends the visit."""
        self.told[self.seq] = {"type": "effect", "seq": self.seq}
        self.outbox.append(self.told[self.seq])
        self.seq += 1
        self.at = max(to, 0)

    def _is_window_right(self, hello: Mapping[str, Any]) -> bool:
        asked = self.materials.config.eligibility
        width, height = hello["size"]
        wanted = asked.pointer in ("any", hello.get("pointer", asked.pointer))
        return wanted and width >= asked.width and height >= asked.height

    def show(self) -> None:
        """Send what the person sees now, as to a page that knows nothing."""
        if self.ended:
            self.outbox.append(self._last_page())
        elif self.step.kind != "game":
            shown = {"id": self.step.id, "kind": self.step.kind}
            self.journal.note("page", data=shown, page=self.step.id)
            self.outbox.append(self.materials.page(self.step, self.id))
            if self.step.kind == "thanks":
                self.end("finished")
        elif self.sitting is None:
            self._begin()
        else:
            self.outbox += [self.sitting.opening(), self.sitting.state(self.seq)]

    def end(self, reason: str) -> None:
        """End the visit: `finished`, `screened`, `withdrawn`, `alone`."""
        if not self.ended:
            self.journal.note(
                "withdraw" if reason == "withdrawn" else "done", data={"reason": reason}
            )
            self.ended = reason
            self.let_go()

    def _last_page(self) -> dict[str, Any]:
        if self.ended == "finished":
            return self.materials.page(self.steps[-1], self.id)
        key = self.ended if self.ended in ("screened", "withdrawn") else "closed"
        screened = self.materials.config.study.completion.screened
        return self.materials.pages.closing(key, screened if key == "screened" else "")

    # Games -----------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        part = self.materials.part(self.step.condition)
        if len(part.seats) > 1 and self.meet is not None:
            self.meet(self)
        else:
            self.sit_alone()
            self.show()

    def sit_alone(self) -> None:
        """Begin the game of this step, with agents in all other seats."""
        self.sit(SeatedGame(self.materials.take(self.step.condition)), "user", self.step)

    def sit(
        self, game: SeatedGame, seat: Role, step: Step, pair: str = "", *, notes: bool = True
    ) -> None:
        """Take a seat at a game that is about to begin, and note it.

        Args:
            game: The game.
            seat: The seat.
            step: The step that says which game it is; that of the other person, where two sit at one.
            pair: Name of the game if two people sit at it.
            notes: Whether it is new, and to be noted.
        """
        study = self.materials.config.study
        scene = Scene(
            game.bundle,
            seat,
            study.language,
            belief=study.show_belief and seat == "user",
            tells=self.is_simulated,
        )
        if not game.is_begun:
            game.begin(step.seed)
        self.sitting = Sitting(game, seat, step, scene, pair)
        self.told.clear()
        if notes:
            self.journal.note("start", data=self.sitting.start(), **self.sitting.place(0))

    def _act(self, message: Mapping[str, Any]) -> None:
        sitting = self.sitting
        if sitting is None:
            raise ProtocolError("illegal", "There is no game now.")
        begun = sitting.game.round
        value, moved = sitting.play(message["value"])
        shown, at = message["client_shown"], message["client_t"]
        self.journal.note(
            "action",
            data={"value": value},
            seq=self.seq,
            device="simulated" if self.is_simulated else message["device"],
            client_t=at,
            client_shown=shown,
            rt=None if shown is None else round(at - shown, 3),
            digest=sitting.game.digest(),
            **sitting.place(begun),
        )
        self.take_effect(moved, begun)
        if self.partner is not None:
            self.partner.hear(moved, sitting.seat, value, begun)
        self._go_on()

    def take_effect(self, moved: Moved, begun: int) -> None:
        """Note what followed from the person's own action, and tell it."""
        sitting = self.sitting
        if sitting is None:
            return
        self.journal.note("effect", data=sitting.effect_data(moved), **sitting.place(begun))
        sitting.total += moved.reward
        self.told[self.seq] = sitting.effect(self.seq, moved)
        self.outbox.append(self.told[self.seq])
        self.seq += 1

    def hear(self, moved: Moved, seat: Role, value: Any, begun: int) -> None:
        """Note and tell what the other person has done."""
        sitting = self.sitting
        if sitting is None:
            return
        data = {**sitting.effect_data(moved, by="person"), seat: value}
        self.journal.note("effect", data=data, **sitting.place(begun))
        sitting.total += moved.reward
        self._go_on()
        if self.stir is not None:
            self.stir(self)

    def go_alone(self) -> None:
        """Let an agent take the seat of the other person, who has left."""
        sitting, self.partner = self.sitting, None
        if sitting is None:
            return
        left: Role = "assistant" if sitting.seat == "user" else "user"
        begun = sitting.game.round
        moved = sitting.game.leave(left)
        self.journal.note("effect", data={"left": left, "by": "agent"}, **sitting.place(begun))
        sitting.total += moved.reward if moved is not None else 0.0
        self._go_on()
        if self.stir is not None:
            self.stir(self)

    def _go_on(self) -> None:
        if self.sitting is None:
            return
        if self.sitting.game.is_over:
            self.finish()
            self.show()
        else:
            self.outbox.append(self.sitting.state(self.seq))

    def finish(self) -> None:
        """Note the end of the game, and go to the next step."""
        sitting = self.sitting
        if sitting is None:
            return
        ends = sitting.ends()
        self.journal.note("end", data=ends, **sitting.place(sitting.game.round))
        self.outbox.append({"type": "end", "rounds": ends["rounds"], "return": ends["return"]})
        self.let_go()
        self.at += 1

    def let_go(self) -> None:
        """Leave the game; the register sees to the other person, if there is one."""
        if self.sitting is not None and self.partner is None:
            self.materials.give(self.step.condition, self.sitting.game.bundle)
        self.sitting = None
        if self.partner is not None and not self.ended:
            self.partner = None
