"""Planning beside the plant: a thread that plans from the newest estimate, and a plan that is always there.

The plant gives estimates and takes controls at its own pace; neither ever waits for the other. Between the two stand one-element
boxes in which the latest wins. MuJoCo's rollouts release Python's lock, so a thread is enough unless the reward is long Python.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import TaskloomError

from taskloom_control.errors import PlanError
from taskloom_control.planning.deadline import OVERRUN, Deadline
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.planning.prediction import Commands, StatePredictor
from taskloom_control.planning.starts import first_control

if TYPE_CHECKING:
    from taskloom_control.config import ControlConfig
    from taskloom_control.mjcf.physics import Snapshot
    from taskloom_control.planning.controller import Controller
    from taskloom_control.planning.estimate import Estimate
    from taskloom_control.planning.exchange import Changed

    State = Snapshot | Estimate

# Planning times that the expected one is the median of.
_MEMORY = 20
# Fewer candidates than this say little about the plan.
_LEAST = 8
# Times are sums of steps.
_ROUNDING = 1e-6


@dataclass
class Counts:
    """Plans and controls since the start, by what became of them.

    Attributes:
        plans: Plans that were made.
        overruns: Plans later than their deadline by more than a tenth of it.
        starved: Plans without time for enough candidates.
        refused: Estimates that could not be used.
        held: Controls asked for after the end of the plan, which were its last one.
        safe: Controls asked for so long after the end of the plan that the safe one was given.
        said: The last sentence of a refusal.
    """

    plans: int = 0
    overruns: int = 0
    starved: int = 0
    refused: int = 0
    held: int = 0
    safe: int = 0
    said: str = ""


@dataclass(frozen=True)
class Made:
    """A plan with what it was made from, so that it can be made again.

    Attributes:
        plan: The plan.
        stats: Its cost.
        state: The state that was planned from, after prediction.
        metadata: What the simulation's copy of the task passed on.
        chunks: Candidates that were rolled out, by iteration and chunk.
        config: The config that it was made with; None if that is not known.
    """

    plan: ControlPlan
    stats: PlanStats
    state: Snapshot
    metadata: Mapping[str, Any] = field(default_factory=dict)
    chunks: tuple[tuple[int, ...], ...] = ()
    config: ControlConfig | None = None


@dataclass(frozen=True)
class Failed:
    """A plan that could not be made, with what it was to be made from.

    Attributes:
        state: The state, after prediction.
        metadata: What the simulation's copy of the task passed on.
        chunks: Candidates that were rolled out before it failed.
        config: The config.
        said: What went wrong.
    """

    state: Snapshot
    metadata: Mapping[str, Any]
    chunks: tuple[tuple[int, ...], ...]
    config: ControlConfig
    said: str


def least_of(config: ControlConfig) -> int:
    """Return the number of candidates below which a batch teaches an optimizer nothing."""
    return max(_LEAST, int(getattr(config.optimizer, "num_elites", 1)))


def followed(
    plan: ControlPlan, moment: float, hold: float, safe: np.ndarray, counts: Counts
) -> np.ndarray:
    """Return the controls at a moment: those of a plan, then its last, then the safe ones; shape (nu,).

    Args:
        plan: The newest plan.
        moment: The moment [s].
        hold: How long after the plan's end its last control is given [s].
        safe: Controls from then on.
        counts: Takes note of controls that are no longer planned.
    """
    late = moment - plan.valid_until
    if late > hold:
        counts.safe += 1
        return safe.copy()
    counts.held += late > 0
    return plan(moment)


class AsyncController:
    """A controller in a thread of its own.

        with AsyncController(Controller(task, config, seed=0)) as planner:
            planner.start(estimate)
            while running:
                planner.observe(read_sensors())
                send(planner(now))

    Args:
        controller: The controller; nothing else may use it from the start to the end.
        deadline: Time for a plan [s]; by default 0.8 of the control period, infinite for plans that are never cut.
        predict: Roll the estimate forward by its age and the time that planning takes, to the next step of the plant, and plan for
            that moment.
        hold_after: How long after a plan's end its last control is given before the safe one is [s]; by default one horizon.
        clock: Wall clock [s].

    Attributes:
        counts: Plans and controls by what became of them.
        newest: The newest plan and what it was made from; None before the start.
        on_plan: Called in the planning thread with each plan.
        on_failure: Called in the planning thread with each plan that could not be made.
        on_refusal: Called when something was refused, after it was counted.
        safe: Controls for the time long after the end of a plan, shape (nu,): what held the system where the first plan began.
    """

    def __init__(
        self,
        controller: Controller,
        deadline: float | None = None,
        *,
        predict: bool = True,
        hold_after: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._controller, self._predict, self._clock = controller, predict, clock
        config = controller.config
        period = 1.0 / config.controller.control_freq
        threads = int(getattr(config.engine, "num_threads", 1)) or 2
        # A compiled engine is compiled for one number of rollouts, so its batch is never divided.
        seconds = 0.8 * period if deadline is None else deadline
        whole = np.inf if config.engine.uses_jax else seconds
        self.deadline = Deadline(whole, least_of(config), 2 * threads, clock)
        self._seconds = seconds
        self._hold = controller.grid.horizon if hold_after is None else hold_after
        self._predictor = StatePredictor(controller.task)
        self._step = float(controller.task.model.opt.timestep) * controller.task.physics_substeps
        self._commands = Commands()
        self._box: tuple[State, Mapping[str, Any], float] | None = None
        self._next: ControlConfig | None = None
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._times: deque[float] = deque(maxlen=_MEMORY)
        self.safe = np.zeros(controller.low.size)
        self.counts = Counts()
        self.newest: Made | None = None
        self.on_plan: Callable[[Made], None] | None = None
        self.on_failure: Callable[[Failed], None] | None = None
        self.on_refusal: Callable[[], None] | None = None

    def start(self, state: State, metadata: Mapping[str, Any] | None = None) -> None:
        """Make the first plan, then plan beside the caller.

        Raises:
            PlanError: The estimate cannot be used, or planning has begun already.
        """
        if self._thread is not None:
            raise PlanError("The planner has been started already; stop it first.")
        controller = self._controller
        whole = controller.whole(state)
        self.safe = first_control(controller.task, controller.low, controller.high, whole)
        self._make(whole, {} if metadata is None else metadata, self._clock(), predict=False)
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="planner", daemon=True)
        self._thread.start()

    def observe(
        self, state: State, metadata: Mapping[str, Any] | None = None, age: float = 0.0
    ) -> None:
        """Give the newest estimate; one that waits is replaced.

        Args:
            state: The whole state, or an estimate of it.
            metadata: What the simulation's copy of the task passed on.
            age: How old it is already [s].
        """
        with self._wake:
            self._box = (state, {} if metadata is None else metadata, self._clock() - age)
            self._wake.notify()

    def __call__(self, moment: float) -> np.ndarray:
        """Return the controls at a moment [s]: those of the newest plan, then its last, then the safe ones; shape (nu,)."""
        made = self.newest
        if made is None:
            raise PlanError("There is no plan yet; call start() with a first estimate.")
        # Read once: the planning thread may publish another one meanwhile.
        return followed(made.plan, moment, self._hold, self.safe, self.counts)

    def exchange(self, config: ControlConfig) -> Changed:
        """Replace the config from the next plan on.

        Raises:
            PlanError: A field that changes needs a new controller.
        """
        changed = self._controller.examine(config)
        with self._wake:
            self._next = config
        return changed

    def reset(self, seed: int | None = None) -> None:
        """End planning and forget everything; `start` begins anew. The seed is as for the controller's own `reset`."""
        self.stop()
        self._controller.reset(seed)
        self._commands, self.newest, self._box = Commands(), None, None
        self.counts = Counts()

    def stop(self) -> None:
        """End planning; the newest plan stays in force."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> AsyncController:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _work(self) -> None:
        while True:
            with self._wake:
                while self._box is None and not self._ended:
                    self._wake.wait()
                if self._ended or self._box is None:
                    return
                # Taken out under the lock, planned from outside of it: giving an estimate never waits for a plan.
                (state, metadata, arrived), self._box = self._box, None
                config, self._next = self._next, None
            try:
                if config is not None:
                    self._controller.exchange(config)
                self._make(self._controller.whole(state), metadata, arrived, predict=self._predict)
            except TaskloomError as error:
                self.refuse(error)
            except (
                Exception
            ) as error:  # a task's reward may raise anything; the plan in force goes on
                self.refuse(PlanError(f"Planning raised {type(error).__name__}: {error}"))

    def refuse(self, error: TaskloomError) -> None:
        """Count something that was refused; the plan in force goes on."""
        self.counts.refused += 1
        self.counts.said = error.message
        if self.on_refusal is not None:
            self.on_refusal()

    def _make(
        self, state: Snapshot, metadata: Mapping[str, Any], arrived: float, *, predict: bool
    ) -> None:
        """Make one plan and publish it."""
        began = self._clock()
        age = max(0.0, began - arrived)
        ahead = state
        if predict:
            # A control acts from the beginning of a step of the plant: what is there a moment later acts one step later, and a plan
            # for the step that has begun would be wrong about the control that acts in it.
            steps = math.ceil((age + self._expected()) / self._step - _ROUNDING)
            ahead = self._predictor(state, self._commands, state.time + steps * self._step)
        try:
            plan, stats = self._controller.plan(ahead, metadata, self.deadline)
        except Exception as error:  # told, and raised again
            if self.on_failure is not None:
                config, said = self._controller.config, f"{type(error).__name__}: {error}"
                self.on_failure(Failed(ahead, metadata, self._taken(), config, said))
            raise
        now = self._clock()
        stats.age, stats.latency = age, now - arrived
        # Of an undivided batch the deadline knows nothing.
        stats.deadline_missed = now - began > self._seconds
        self._times.append(now - began)
        self.counts.plans += 1
        self.counts.starved += stats.starved
        self.counts.overruns += now - began > (1 + OVERRUN) * self._seconds
        made = Made(plan, stats, ahead, metadata, self._taken(), self._controller.config)
        # In force from the moment that the estimate and the planning lead to, as the plant's clock will say then.
        self._commands.give(ahead.time if predict else state.time, plan)
        self.newest = made
        if self.on_plan is not None:
            self.on_plan(made)

    def _taken(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(part) for part in self.deadline.taken)

    def _expected(self) -> float:
        """Return how long planning is expected to take [s]."""
        return median(self._times) if self._times else 0.0
