"""A watched session as a run: the loop in the main thread, requests from the page between two plans, everything kept.

The page is never waited for. What it asks for lies in an inbox in which the latest of a kind wins; what it shows is the newest
`Shown`, which is exchanged as a whole.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from taskloom import Finding, Result, RunContext
from taskloom.arrays import save_npz
from taskloom.errors import TaskloomError
from taskloom.given.tasks import file_task
from taskloom.lifecycle.create import create_run, identify_asked
from taskloom.lifecycle.lifecycle import announce, perform, prepared
from taskloom.params.files import to_toml
from taskloom.registry.resolve import find_task, load_task
from taskloom.request import WATCHED, Origin, RunOptions

from taskloom_control import driver
from taskloom_control.live.events import EventLog
from taskloom_control.live.session import Session
from taskloom_control.mjcf.physics import trace_columns
from taskloom_control.report.film import make_film

if TYPE_CHECKING:
    from jaxtyping import Float
    from taskloom.registry.entries import LoadedTask
    from taskloom.runs.run import Run
    from taskloom.task import JsonValue

    from taskloom_control.bench.variants import Bound
    from taskloom_control.planning.plan import PlanStats

_IDLE = 0.01
_FILM_SIZE, _RATES = (640, 480), (25.0, 1.0)
# Plans whose times are shown, candidates whose traces are, and rows of a plot.
_PLANS, _TRACES, _ROWS = 100, 8, 250


@dataclass(frozen=True)
class Request:
    """A wish from a page.

    Attributes:
        kind: `pause`, `step`, `reset`, `end`, `task`, `record`, `snapshot`, `settings`, or what `Session.do` takes.
        facts: How exactly.
        client: Number of the browser.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    client: int = -1


class Inbox:
    """Requests from any thread: of one kind the latest wins, and their order is that of the first."""

    def __init__(self) -> None:
        self._held: dict[str, Request] = {}
        self._lock = threading.Lock()

    def put(self, request: Request) -> None:
        """Ask for something; a slider that moves on replaces what it asked for before."""
        with self._lock:
            if request.kind == "config" and "config" in self._held:
                before = self._held["config"].facts["changes"]
                facts = {"changes": {**before, **request.facts["changes"]}}
                request = replace(request, facts=facts)
            self._held[request.kind] = request

    def take(self) -> list[Request]:
        """Return what was asked for since the last time."""
        with self._lock:
            taken, self._held = list(self._held.values()), {}
        return taken


@dataclass(frozen=True)
class Shown:
    """State of a session as the page shows it.

    Attributes:
        model: The simulated model.
        time: Simulated time [s].
        places: Positions of all bodies, shape (nbody, 3).
        turns: Their quaternions, shape (nbody, 4).
        traces: Traced points of the plan and of the best candidates, shape (k, T, 3) for each point.
        contacts: Positions of contacts, shape (n, 3), and their forces, likewise [N].
        stats: The newest plan.
        plan_ms: Times of the last plans [ms].
        cost: Cost of the last step.
        rate: Simulated time over wall-clock time.
        rows: Names and rows of what is plotted: time first; by plot.
        paused: Whether the session stands.
        success: Whether the task is solved now.
        episode: Number of the episode.
        said: The last sentence on something that was refused.
        config: The config in force.
        done: Whether the episode is over, so that only a reset goes on.
    """

    model: mujoco.MjModel
    time: float
    places: Float[np.ndarray, "b 3"]
    turns: Float[np.ndarray, "b 4"]
    traces: list[np.ndarray]
    contacts: tuple[np.ndarray, np.ndarray]
    stats: PlanStats | None
    plan_ms: np.ndarray
    cost: float
    rate: float
    rows: Mapping[str, tuple[list[str], np.ndarray]]
    paused: bool
    success: bool
    episode: int
    said: str
    config: Any
    done: bool = False


class Watching:
    """A driver whose loop a person steers; it stands in for control's own driver in one run.

    Args:
        inbox: What the page asks for.
        pace: Simulated time over wall-clock time that is aimed at; 0 goes as fast as it can.
        seconds: Wall-clock time after which the session ends by itself [s]; 0 never.

    Attributes:
        shown: The newest state; None before the first.
        next_task: The task that the page asked to go on with; empty if the session is over.
        finished: True after the loop has ended.
    """

    def __init__(self, inbox: Inbox, pace: float = 1.0, seconds: float = 0.0) -> None:
        self.inbox, self.pace, self._seconds = inbox, pace, seconds
        self.shown: Shown | None = None
        self.next_task, self.finished = "", False
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
        session = Session(task, log)
        self._place = ctx.artifact
        try:
            self._conduct(session, ctx)
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
        began = mark = time.perf_counter()
        paused, simulated = False, session.loop.simulation.time
        self._publish(session, None, paused, 0.0)
        while not ctx.should_stop:
            if self._seconds and time.perf_counter() - began > self._seconds:
                return
            steps = 0
            for request in self.inbox.take():
                if request.kind in ("end", "task"):
                    self.next_task = str(request.facts.get("name", ""))
                    return
                if request.kind == "pause":
                    paused = bool(request.facts.get("on", not paused))
                elif request.kind == "step":
                    paused, steps = True, 1
                else:
                    self._do(session, request)
                mark, simulated = time.perf_counter(), session.loop.simulation.time
                self._publish(session, None, paused, 0.0)
            if (paused and not steps) or session.loop.done:
                time.sleep(_IDLE)
                mark, simulated = time.perf_counter(), session.loop.simulation.time
                continue
            stats = self._advanced(session)
            gone, passed = session.loop.simulation.time - simulated, time.perf_counter() - mark
            self._publish(session, stats, paused, gone / max(passed, 1e-9))
            ahead = gone / self.pace - passed if self.pace else 0.0
            if ahead > 0:
                time.sleep(min(ahead, 1.0))
            elif ahead < -1.0:
                # Behind by more than a second: what is lost is not made up for.
                mark, simulated = time.perf_counter(), session.loop.simulation.time

    def _advanced(self, session: Session) -> PlanStats | None:
        """Advance by a period; a loop that fails stands still and says why."""
        try:
            stats = session.advance()
        except TaskloomError as error:
            self._said, session.loop.ended = error.message, True
            session.note("note", {"failed": error.message})
            return None
        self._times.append(1e3 * stats.seconds)
        return stats

    def _do(self, session: Session, request: Request) -> None:
        try:
            if request.kind in ("record", "snapshot", "settings"):
                self._said = self._keep(session, request.kind)
                session.note("note", {request.kind: session.loop.step}, request.client)
            elif request.kind in ("config", "pull", "mocap", "reset"):
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

    def _publish(
        self, session: Session, stats: PlanStats | None, paused: bool, rate: float
    ) -> None:
        simulation = session.loop.simulation
        data = simulation.data
        if stats is not None:
            self._plot(session)
        before = self.shown
        rows = {
            name: (self._names[name], np.array(kept)) for name, kept in self._plots.items() if kept
        }
        self.shown = Shown(
            model=simulation.model,
            time=simulation.time,
            places=data.xpos.copy(),
            turns=data.xquat.copy(),
            traces=_traces(session) if stats is not None else (before.traces if before else []),
            contacts=_contacts(simulation.model, data),
            stats=stats or (before.stats if before else None),
            plan_ms=np.array(self._times),
            cost=sum(simulation.terms.values()),
            rate=rate,
            rows=rows,
            paused=paused,
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
        if session.past:
            artifacts["episodes"] = ctx.artifact("episodes.npz")
            arrays = {
                f"{number}/{name}": array
                for number, past in enumerate(session.past)
                for name, array in past["arrays"].items()
            }
            save_npz(artifacts["episodes"], arrays)
        return replace(result, artifacts=artifacts)


def _traces(session: Session) -> list[np.ndarray]:
    """Return where the traced points of the best candidates of the last plan would go, best first."""
    problem = session.loop.controller.problem
    columns = trace_columns(session.loop.controller.task.model)
    if problem.last is None or not columns:
        return []
    sensors = np.asarray(problem.last.sensors[:_TRACES])
    return [np.array(sensors[..., place]) for place in columns.values()]


def _contacts(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Return places and forces of contacts, in the world."""
    count = int(data.ncon)
    forces, wrench = np.zeros((count, 3)), np.zeros(6)
    for i in range(count):
        mujoco.mj_contactForce(model, data, i, wrench)
        forces[i] = data.contact.frame[i].reshape(3, 3).T @ wrench[:3]
    return np.array(data.contact.pos[:count]).reshape(-1, 3), forces


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
