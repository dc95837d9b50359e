"""A watched session as a run: the loop in the main thread, requests from the page between two plans, everything kept.

The page is never waited for. What it asks for lies in an inbox in which the latest of a kind wins; what it shows is the newest
`Shown`, which is exchanged as a whole.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom import Finding, Result, RunContext
from taskloom.arrays import save_npz
from taskloom.errors import TaskloomError
from taskloom.given.tasks import file_task
from taskloom.lifecycle.create import create_run, identify_asked
from taskloom.lifecycle.lifecycle import announce, perform, prepared
from taskloom.opening import open_task
from taskloom.params.files import to_toml
from taskloom.registry.resolve import find_task, load_task
from taskloom.request import WATCHED, Origin, RunOptions

from taskloom_control import driver
from taskloom_control.live.beside import LiveBeside
from taskloom_control.live.events import DONE, NUMBERS, EventLog
from taskloom_control.live.pace import WallClockPace
from taskloom_control.live.requests import Inbox, Request
from taskloom_control.live.session import Session
from taskloom_control.live.shown import Shown, contacts_of, traces_of
from taskloom_control.report.film import make_film

if TYPE_CHECKING:
    from taskloom.registry.entries import LoadedTask
    from taskloom.runs.run import Run
    from taskloom.task import JsonValue

    from taskloom_control.bench.variants import Bound
    from taskloom_control.planning.plan import PlanStats

_IDLE = 0.01
_FILM_SIZE, _RATES = (640, 480), (25.0, 1.0)
# Plans whose times are shown, and rows of a plot.
_PLANS, _ROWS = 100, 250
# The page draws thirty pictures a second; a state is never older than half of that [s].
_PICTURE = 1.0 / 60.0


class Watching:
    """A driver whose loop a person steers; it stands in for control's own driver in one run.

    Args:
        inbox: What the page asks for.
        pace: Simulated time over wall-clock time that is aimed at; 0 goes as fast as it can.
        seconds: Wall-clock time after which the session ends by itself [s]; 0 never.
        beside: Plan in a thread beside the plant, which waits for no plan.

    Attributes:
        shown: The newest state; None before the first.
        session: The session; None before it begins.
        following: The task that the page asked to go on with; None if the session is over.
        finished: True after the loop has ended.
    """

    def __init__(
        self, inbox: Inbox, pace: float = 1.0, seconds: float = 0.0, *, beside: bool = False
    ) -> None:
        self.inbox, self._seconds, self._beside = inbox, seconds, beside
        self.shown: Shown | None = None
        self.session: Session | None = None
        self.following: Bound | None = None
        self.finished = False
        self._pace = WallClockPace(pace)
        self._paused, self._published = False, 0.0
        self._newest: PlanStats | None = None
        self._times: deque[float] = deque(maxlen=_PLANS)
        self._plots: dict[str, deque[np.ndarray]] = {}
        self._names: dict[str, list[str]] = {}
        self._said, self._mark = "", -1
        self._films: list[threading.Thread] = []
        self._place: Callable[[str], Path] = Path
        self._numbers: Counter[str] = Counter()

    def run(self, task: Bound, ctx: RunContext, checkpoint: Path | None) -> Result:
        """Conduct a session until it is ended, and keep it as a run."""
        del checkpoint
        events = ctx.artifact(driver.EVENTS)
        log = EventLog(events)
        session = Session(task, log, partial(LiveBeside, log) if self._beside else None)
        self.session = session
        session.on_step(lambda: self._stepped(session))
        self._place = ctx.artifact
        try:
            self._conduct(session, ctx)
            session.settle()
            session.note("note", {"end": session.loop.step})
            for film in self._films:
                film.join()
            return self._kept(session, ctx, events)
        finally:
            self.finished = True
            session.close()
            log.close()

    def check(self, task: Bound) -> Iterable[Finding]:
        """Look at the model, the plan's sizes and the reward, as for any run."""
        return driver.check(task)

    def describe(self, task: Bound) -> Mapping[str, JsonValue]:
        """Return the sizes of the problem."""
        return driver.describe(task)

    def can_resume(self, task: Bound) -> bool:
        """Return True, so that Ctrl-C ends the session in good order."""
        del task
        return True

    def _conduct(self, session: Session, ctx: RunContext) -> None:
        began = time.perf_counter()
        self._begin_anew(session)
        while not ctx.should_stop:
            if self._seconds and time.perf_counter() - began > self._seconds:
                return
            steps = 0
            for request in self.inbox.take():
                if request.kind == "end" or (request.kind == "task" and self._goes_on(request)):
                    return
                if request.kind == "pause":
                    self._paused = bool(request.facts.get("on", not self._paused))
                elif request.kind == "step":
                    self._paused, steps = True, 1
                else:
                    self._do(session, request)
                # A slider that moves must not slow the loop down: only time that stood still is not counted.
                if request.kind in ("pause", "step", "reset"):
                    self._begin_anew(session)
                else:
                    self._publish(session)
            if (self._paused and not steps) or session.loop.done:
                time.sleep(_IDLE)
                self._pace.begin(session.loop.simulation.time)
                continue
            self._advance(session)

    def _goes_on(self, request: Request) -> bool:
        """Open the task that a person asks for; one that cannot be opened leaves the session as it is."""
        try:
            opened: Any = open_task(f"control/{request.facts.get('name', '')}")
        except TaskloomError as error:
            self._said = error.message
            return False
        self.following = opened
        return True

    def _begin_anew(self, session: Session) -> None:
        """Show the state after a request, and count its time from here."""
        self._pace.begin(session.loop.simulation.time)
        self._publish(session)

    def _advance(self, session: Session) -> None:
        """Advance by a period; a loop that fails stands still and says why."""
        try:
            stats = session.advance()
        except TaskloomError as error:
            self._said, session.loop.ended = error.message, True
            session.note("note", {"failed": error.message})
            self._publish(session)
            return
        if session.loop.beside is not None and session.loop.beside.said:
            self._said = session.loop.beside.said
        # Beside the plant, most steps have no plan of their own.
        if stats is not self._newest:
            self._newest = stats
            self._times.append(1e3 * stats.seconds)
            self._plot(session)
            self._publish(session)

    def _stepped(self, session: Session) -> None:
        """Wait until a step of the plant is due, and show it if the last picture is old enough."""
        self._pace.wait(session.loop.simulation.time)
        if time.perf_counter() - self._published > _PICTURE:
            self._publish(session)

    def _do(self, session: Session, request: Request) -> None:
        try:
            if request.kind in ("record", "snapshot", "settings"):
                self._said = self._keep(session, request.kind)
                session.note("note", {request.kind: session.loop.step}, request.client)
            elif request.kind in DONE:
                session.do(request.kind, request.facts, request.client)
                if request.kind == "reset":
                    self._plots, self._names, self._mark = {}, {}, -1
                self._said = ""
        except TaskloomError as error:
            self._said = error.message

    def _keep(self, session: Session, kind: str) -> str:
        """Keep a film, a picture or the settings in the run's folder, and return the sentence on it."""
        step, loop = session.loop.step, session.loop
        if kind == "record" and self._mark < 0:
            self._mark = step
            return "Filming; the same button ends it."
        first, self._mark = (self._mark, -1) if kind == "record" else (step, self._mark)
        suffix = {"record": "mp4", "snapshot": "png", "settings": "toml"}[kind]
        if kind == "record" and find_spec("av") is None:
            suffix = "gif"
        self._numbers[kind] += 1
        path = self._place(f"{kind}-{self._numbers[kind]}.{suffix}")
        if kind == "settings":
            path.write_text(to_toml(session.task.config), encoding="utf-8", newline="\n")
            return f"The settings are in {path}."
        arrays = {name: array[first : step + 1] for name, array in loop.arrays().items()}
        # Drawn beside the loop: a film takes longer than what it shows.
        model = loop.controller.task.model
        film = threading.Thread(target=make_film, args=(model, arrays, path, _FILM_SIZE, _RATES))
        film.start()
        self._films.append(film)
        return f"{kind.capitalize()} goes into {path}."

    def _publish(self, session: Session) -> None:
        simulation = session.loop.simulation
        data = simulation.data
        self._published = time.perf_counter()
        self.shown = Shown(
            model=simulation.model,
            time=simulation.time,
            places=data.xpos.copy(),
            turns=data.xquat.copy(),
            traces=traces_of(session.loop),
            contacts=contacts_of(simulation.model, data),
            stats=self._newest,
            plan_ms=np.array(self._times),
            cost=sum(simulation.terms.values()),
            rate=0.0 if self._paused else self._pace.rate(simulation.time),
            rows={name: (self._names[name], list(kept)) for name, kept in self._plots.items()},
            paused=self._paused,
            success=bool(simulation.task.success()),
            episode=session.episode,
            said=self._said,
            config=session.task.config,
            done=session.loop.done,
        )

    def _plot(self, session: Session) -> None:
        simulation = session.loop.simulation
        sensors = simulation.map.sensors(simulation.data)
        values = {
            "cost": (list(simulation.terms), np.array(list(simulation.terms.values()))),
            "controls": ([f"u{i}" for i in range(simulation.acted.size)], simulation.acted),
            "sensors": ([f"y{i}" for i in range(min(sensors.size, 12))], sensors[:12]),
        }
        for name, (names, row) in values.items():
            if names and self._names.get(name) != names:
                self._names[name] = names
                self._plots[name] = deque(maxlen=_ROWS)
            if names:
                self._plots[name].append(np.array([simulation.time, *row]))

    def _kept(self, session: Session, ctx: RunContext, events: Path) -> Result:
        """Keep the episodes; the last one is the run's own, and earlier ones lie beside it."""
        episodes: list[Any] = session.episodes()
        result = driver.finish(session.loop, ctx, {"episodes": episodes})
        artifacts = {**result.artifacts, "events": events}
        numbers = events.with_suffix(NUMBERS)
        if numbers.exists():
            artifacts["numbers"] = numbers
        if session.past:
            artifacts["episodes"] = ctx.artifact("episodes.npz")
            arrays = {
                f"{number}/{name}": array
                for number, past in enumerate(session.past)
                for name, array in past["arrays"].items()
            }
            save_npz(artifacts["episodes"], arrays)
        return replace(result, artifacts=artifacts)


def loaded_of(task: Bound) -> LoadedTask:
    """Return the task as the registry knows it."""
    if task.given is not None and task.given.spelled:
        return file_task(task.given.spelled)
    domain, _, name = task.name.partition("/")
    return load_task(find_task(domain, name))


def watched_run(task: Bound, watching: Watching, options: RunOptions, origin: Origin) -> Run:
    """Conduct a session inside of a new run, which no later command takes for its answer.

    Args:
        task: The task.
        watching: The driver.
        options: How the run is kept.
        origin: Who asked for it.

    Raises:
        TaskloomError: The task cannot run, or the store cannot be written.
    """
    loaded = loaded_of(task)
    now = identify_asked(loaded, task.config, options)
    with prepared(loaded, now, options) as (made, console):
        made_by = replace(origin, kind=WATCHED)
        layout = create_run(loaded, task.config, options, made_by, now=now)
        announce(layout, origin.sources, console)
        return perform(replace(made, driver=watching), layout, console)
