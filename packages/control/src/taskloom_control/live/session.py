"""A closed loop that a person steers, one control period at a time: what is done to it acts between two plans, and is logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from taskloom import derive_seed
from taskloom.errors import TaskloomError, UsageError

from taskloom_control.bench.variants import with_config, with_values
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.outside import Pull
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.live.events import DONE, EventLog, SteeringEvent
from taskloom_control.live.remaking import RepeatedBeside
from taskloom_control.mjcf.physics import find

if TYPE_CHECKING:
    from taskloom_control.bench.variants import Bound
    from taskloom_control.closed_loop.loop import PlansBeside
    from taskloom_control.planning.plan import PlanStats

# An episode that is watched ends when the person says so.
_FOREVER = 10**9


class Session:
    """Episodes of one task, steered by events.

    The first episode is that of `tasks run` with the same config, as long as nothing is done to it.

    Args:
        task: The task.
        log: Where events are kept; without one they are not.
        beside: Makes the planner of an episode, by its number, that plans beside the plant; without it the plant waits for plans.

    Attributes:
        task: The task with its config of now.
        loop: The episode's closed loop.
        episode: Number of the episode, from 0.
        past: Arrays and facts of the episodes before.
    """

    def __init__(
        self,
        task: Bound,
        log: EventLog | None = None,
        beside: Callable[[int], PlansBeside] | None = None,
    ) -> None:
        self.task, self._log, self._beside = task, log, beside
        self._after_step: Callable[[], None] | None = None
        self._root = task.config.seed
        self.episode = 0
        self.past: list[dict[str, Any]] = []
        self.loop = self._begin("")

    def _begin(self, suffix: str) -> ClosedLoop:
        loop = ClosedLoop(
            self.task,
            derive_seed(self._root, f"plan{suffix}"),
            derive_seed(self._root, f"reset{suffix}"),
            None if self._beside is None else self._beside(self.episode),
        )
        loop.num_steps, loop.after_step = _FOREVER, self._after_step
        return loop

    def on_step(self, call: Callable[[], None]) -> None:
        """Call something after each step of the plant, in this episode and those to come."""
        self._after_step = self.loop.after_step = call

    def settle(self) -> None:
        """End planning after the last step of an episode."""
        if self.loop.beside is not None:
            self.loop.beside.end(self.loop)

    def advance(self) -> PlanStats:
        """Plan, and simulate until the next plan is due."""
        return self.loop.advance()

    def do(self, kind: str, facts: Mapping[str, Any], client: int = -1) -> None:
        """Do something to the loop, and log it.

        Args:
            kind: What: `config` with `changes` by dotted path; `pull` with `body`, `point` and `target`, or nothing to let go;
                `mocap` with `body`, `pos` and `quat`; `reset`.
            facts: How.
            client: Number of the browser that asks for it.

        Raises:
            TaskloomError: It cannot be done; nothing has changed.
        """
        event = SteeringEvent(kind, self.episode, self.loop.periods, dict(facts), client=client)
        try:
            self._apply(kind, facts)
        except TaskloomError as error:
            self.note("refused", {"asked": kind, "why": error.message}, client)
            raise
        if self._log is not None:
            self._log.add(event)

    def note(self, kind: str, facts: Mapping[str, Any], client: int = -1) -> None:
        """Log what changed nothing."""
        if self._log is not None:
            event = SteeringEvent(kind, self.episode, self.loop.periods, dict(facts), client=client)
            self._log.add(event)

    def _apply(self, kind: str, facts: Mapping[str, Any]) -> None:
        doers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "config": self._configure,
            "pull": self._pull,
            "mocap": self._move_mocap,
            "reset": self._reset,
        }
        doers[kind](facts)

    def _configure(self, facts: Mapping[str, Any]) -> None:
        changed = with_values(self.task, facts["changes"])
        self.loop.exchange(changed.config)
        self.task = changed

    def _pull(self, facts: Mapping[str, Any]) -> None:
        pushes, model = self.loop.simulation.pushes, self.loop.simulation.model
        if not facts.get("body"):
            pushes.pull = None
            return
        body = find(model, "body", str(facts["body"]))
        if not float(model.body_subtreemass[body]) or not int(model.body_weldid[body]):
            raise UsageError(f"The body '{facts['body']}' cannot be moved by a force.")
        pushes.pull = Pull(body, np.array(facts["point"], float), np.array(facts["target"], float))

    def _move_mocap(self, facts: Mapping[str, Any]) -> None:
        simulation = self.loop.simulation
        index = int(simulation.model.body_mocapid[find(simulation.model, "body", facts["body"])])
        if index < 0:
            raise UsageError(f"The body '{facts['body']}' is no mocap body.")
        simulation.data.mocap_pos[index] = facts["pos"]
        simulation.data.mocap_quat[index] = facts["quat"]
        mujoco.mj_forward(simulation.model, simulation.data)

    def _reset(self, facts: Mapping[str, Any]) -> None:
        del facts
        self.settle()
        self._keep()
        self.loop.close()
        self.episode += 1
        self.loop = self._begin(f"-{self.episode}")

    def _keep(self) -> None:
        arrays = self.loop.arrays()
        facts = {"steps": self.loop.step, "sha256": trajectory_hash(arrays)}
        self.past.append({"arrays": arrays, **facts})

    def episodes(self) -> list[dict[str, Any]]:
        """Return steps and hash of every episode, the present one last."""
        now = {"steps": self.loop.step, "sha256": trajectory_hash(self.loop.arrays())}
        return [{k: v for k, v in past.items() if k != "arrays"} for past in self.past] + [now]

    def close(self) -> None:
        """Give back threads."""
        self.loop.close()


def repeat(
    task: Bound, events: list[SteeringEvent], steps: list[int], path: Path | None = None
) -> list[dict[str, Any]]:
    """Do again what was done in a session, and return steps and hash of every episode.

    Args:
        task: The task, with the config that the session began with.
        events: What was done.
        steps: Steps of each episode.
        path: The file of the events, beside which the states lie that plans were made from.

    Raises:
        CheckFailedError: A plan that was made beside the plant comes out otherwise.
    """

    def planner(episode: int) -> PlansBeside:
        return RepeatedBeside(path or Path(), [e for e in events if e.episode == episode])

    beside = planner if any(event.kind == "plan" for event in events) else None
    session = Session(with_config(task, task.config), None, beside)
    try:
        for event in events:
            if event.kind not in DONE:
                continue
            while session.loop.periods < event.period and not session.loop.done:
                session.advance()
            session.do(event.kind, event.facts)
        while session.loop.step < steps[-1] and not session.loop.done:
            session.advance()
        session.settle()
        return session.episodes()
    finally:
        session.close()
