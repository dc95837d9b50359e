"""Plans that are made beside a watched plant, logged so that the session is done again to the bit, and that second execution.

When a plan is there depends on the machine. What it was made of does not: the state after prediction, the candidates that were rolled
out, the config, and the step from which it acted are in the log. With them the same plans come out at any speed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from taskloom.errors import RunCorruptError, UsageError

from taskloom_control.live.events import EventLog, SteeringEvent
from taskloom_control.mjcf.physics import Snapshot, layout, pieces
from taskloom_control.planning.asynchronous import AsyncController, Failed, Made
from taskloom_control.planning.exchange import Changed
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.planning.starts import first_control

if TYPE_CHECKING:
    from taskloom_control.closed_loop.loop import ClosedLoop
    from taskloom_control.config import ControlConfig
    from taskloom_control.planning.controller import Controller

# Observations that a plan may still be made from: one waits, one is planned from, and some were replaced.
_REMEMBERED = 50


class LiveBeside:
    """Planning in a thread beside one episode's plant, by the wall clock.

    Args:
        log: Where plans are kept.
        episode: Number of the episode.

    Attributes:
        periods: Control steps of the plant that have begun.
        said: The last sentence on a plan that could not be made.
    """

    def __init__(self, log: EventLog | None, episode: int) -> None:
        self._log, self._episode = log, episode
        self.periods, self.said = 0, ""
        self._planner: AsyncController | None = None
        self._configs: list[ControlConfig] = []
        self._observed: deque[tuple[Mapping[str, Any], int]] = deque(maxlen=_REMEMBERED)
        self._ready: tuple[int, Made] | None = None
        self._count, self._force = 0, -1
        self._seen = -np.inf
        self._safe: ControlPlan | None = None
        self._lock = threading.Lock()

    def at_step(self, loop: ClosedLoop) -> tuple[ControlPlan, PlanStats, bool]:
        """Return the plan in force from this step on; a control period after the last one the planner is told the state.

        Raises:
            UsageError: The config makes the plant's messages late or noisy, which this loop already is by itself.
            PlanError: The first plan cannot be made.
        """
        now = loop.simulation.time
        period = 1.0 / loop.config.controller.control_freq
        if self._planner is None:
            self._planner = self._started(loop)
        elif now - self._seen > period - 0.5 * loop.simulation.dt:
            self._seen = now
            self._planner.observe(loop.simulation.snapshot(), self._metadata(loop))
        with self._lock:
            number, made = _there(self._ready)
        is_new = number != self._force
        if is_new:
            self._force = number
            self._note("act", {"plan": number})
        self.periods += 1
        return in_force(made.plan, self._safe, now), made.stats, is_new

    def exchange(self, config: ControlConfig) -> Changed:
        """Plan under another config from the next plan on.

        Raises:
            PlanError: A field that changes needs a new controller.
        """
        if self._planner is None:
            raise UsageError("The first plan is not made yet; change it after the first step.")
        with self._lock:
            self._configs.append(config)
        try:
            return self._planner.exchange(config)
        except Exception:
            with self._lock:
                self._configs.remove(config)
            raise

    def end(self, loop: ClosedLoop) -> None:
        """End planning after the last step."""
        del loop
        self.close()

    def close(self) -> None:
        """End planning."""
        if self._planner is not None:
            self._planner.stop()

    def _started(self, loop: ClosedLoop) -> AsyncController:
        """Make the first plan, which the plant waits for, and plan beside it from then on."""
        if loop.config.plant.estimates:
            raise UsageError(
                "A plant with late, noisy or lost messages cannot be planned for beside it: its messages are late by themselves; "
                "leave out --beside, or plant.latency, jitter, dropout, noise and bias."
            )
        planner = AsyncController(loop.controller)
        planner.on_plan, planner.on_failure = self._take, self._take_failure
        self._configs, self._seen = [loop.config], loop.simulation.time
        snapshot = loop.simulation.snapshot()
        self._safe = safe_plan(loop.controller, snapshot)
        planner.start(snapshot, self._metadata(loop))
        return planner

    def _metadata(self, loop: ClosedLoop) -> Mapping[str, Any]:
        # A mapping of its own for each observation, by which a plan is known to be made from it.
        metadata = dict(loop.simulation.task.get_sim_metadata())
        with self._lock:
            self._observed.append((metadata, self.periods))
        return metadata

    def _take(self, made: Made) -> None:
        """Keep a plan, in the planning thread; it may act only when the log has it."""
        facts = self._facts(made, made.config) | {"knots": digest_of_plan(made.plan)}
        with self._lock:
            number, self._count = self._count, self._count + 1
        self._note("plan", {"plan": number, **facts}, numbers_of(made.state))
        with self._lock:
            self._ready = (number, made)

    def _take_failure(self, failed: Failed) -> None:
        facts = self._facts(failed, failed.config) | {"failed": failed.said}
        with self._lock:
            number, self._count = self._count, self._count + 1
        self._note("plan", {"plan": number, **facts}, numbers_of(failed.state))
        self.said = f"Planning failed, and the plan in force goes on: {failed.said}"

    def _facts(self, made: Made | Failed, config: ControlConfig | None) -> dict[str, Any]:
        with self._lock:
            steps = [step for metadata, step in self._observed if metadata is made.metadata]
            versions = [i for i, known in enumerate(self._configs) if known is config]
        chunks = [list(part) for part in made.chunks]
        return {"step": steps[-1], "config": versions[-1], "chunks": chunks}

    def _note(self, kind: str, facts: Mapping[str, Any], numbers: np.ndarray | None = None) -> None:
        if self._log is not None:
            event = SteeringEvent(kind, self._episode, self.periods, facts)
            self._log.add(event, numbers)


def safe_plan(controller: Controller, snapshot: Snapshot) -> ControlPlan:
    """Return what acts long after the end of a plan: the control that held the system where it began."""
    safe = first_control(controller.task, controller.low, controller.high, snapshot)
    knots = np.tile(safe, (controller.grid.num_knots, 1))
    curve = controller.grid.coefficients(knots)
    return ControlPlan(controller.grid, 0, curve, controller.low, controller.high)


def in_force(plan: ControlPlan, safe: ControlPlan | None, now: float) -> ControlPlan:
    """Return the plan that acts at a moment [s]: the newest, and the safe one from a horizon after its end on."""
    over = now - plan.valid_until > plan.grid.horizon
    return safe if over and safe is not None else plan


def digest_of_plan(plan: ControlPlan) -> str:
    """Return the SHA-256 of a plan's knots."""
    facts = f"{plan.start}:{plan.curve.shape};".encode()
    return hashlib.sha256(facts + np.ascontiguousarray(plan.curve).tobytes()).hexdigest()


def numbers_of(state: Snapshot) -> np.ndarray:
    """Return a state as one row of numbers."""
    return np.concatenate([state.integration, state.energy])


def snapshot_of(model: mujoco.MjModel, numbers: np.ndarray) -> Snapshot:
    """Return the state of a row of numbers.

    Raises:
        RunCorruptError: It belongs to another model.
    """
    sizes, places = layout(model), pieces(model)
    if numbers.shape != (sizes[-1] + 2,):
        raise RunCorruptError(f"A state of {numbers.size - 2} numbers is none of this model.")
    whole = numbers[:-2].copy()
    position, velocity = (
        places[int(bit)] for bit in (mujoco.mjtState.mjSTATE_QPOS, mujoco.mjtState.mjSTATE_QVEL)
    )
    time = float(whole[places[int(mujoco.mjtState.mjSTATE_TIME)]][0])
    return Snapshot(whole, whole[position], whole[velocity], time, sizes, numbers[-2:].copy())


def _there(ready: tuple[int, Made] | None) -> tuple[int, Made]:
    """Return the newest plan; the first one is made before the first step."""
    if ready is None:
        raise UsageError("There is no plan yet.")
    return ready
