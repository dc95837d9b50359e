"""The closed loop: a controller with one copy of the task against a simulation with another, in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from taskloom import derive_seed
from taskloom.arrays import load_npz, save_npz
from taskloom.bound import BoundTask

from taskloom_control.closed_loop.messages import Messages
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import (
    TermRecorder,
    TrajectoryRecorder,
)
from taskloom_control.config import ControlConfig
from taskloom_control.mjcf.physics import Snapshot, trace_columns
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.exchange import Changed
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.planning.prediction import Commands, StatePredictor
from taskloom_control.planning.splines import num_steps
from taskloom_control.task import ControlTask, Metadata

_STATE_FILE, _HISTORY_FILE = "state.npz", "history.npz"
_FAN_FILE, _COSTS_FILE = "fan.npz", "costs.npz"


class PlansBeside(Protocol):
    """Planner of one episode that does not hold up the plant.

    Attributes:
        periods: Control steps of the plant that have begun.
        said: The last sentence on a plan that could not be made.
    """

    periods: int
    said: str

    def at_step(self, loop: ClosedLoop) -> tuple[ControlPlan, PlanStats, bool]:
        """Return the plan in force from the control step that begins now, its figures, and whether it is another than before."""
        ...

    def exchange(self, config: ControlConfig) -> Changed:
        """Plan under another config from a later plan on.

        Raises:
            PlanError: A field that changes needs a new controller.
        """
        ...

    def end(self, loop: ClosedLoop) -> None:
        """End planning after the last step of the episode."""
        ...

    def close(self) -> None:
        """Give back threads."""
        ...


class ClosedLoop:
    """One episode, advanced by one control period at a time.

    Args:
        task: The task; each side of the loop makes its own copy.
        plan_seed: Seed of the plans.
        reset_seed: Seed of the episode's beginning.
        beside: Who plans beside the plant, where a period is one control step; without it the plant waits for each plan.

    Attributes:
        after_step: Called after each step of the plant.
    """

    def __init__(
        self,
        task: BoundTask[ControlTask[Any], ControlConfig],
        plan_seed: int,
        reset_seed: int,
        beside: PlansBeside | None = None,
    ) -> None:
        self.config, self.beside = task.config, beside
        self.simulation = Simulation(task.copy(), task.config)
        self.controller = Controller(task.copy(), task.config, plan_seed)
        self.history, self.plans = TrajectoryRecorder(), TrajectoryRecorder()
        self.fan = TrajectoryRecorder()
        self.costs = TermRecorder()
        # In force: the first one is made before the first step, and always arrives.
        self.plan: ControlPlan
        self._traces = trace_columns(self.controller.task.model)
        self.num_steps = num_steps(self.config.seconds, self.simulation.dt)
        self.step = self.num_clamped = self.num_lost = 0
        self._since = (0, 0)
        self.ended = False
        self.after_step: Callable[[], None] | None = None
        self.simulation.reset(np.random.default_rng(reset_seed))
        self._begin_messages(reset_seed)
        self._record_state()

    @property
    def done(self) -> bool:
        """True when the episode is over."""
        return self.ended or self.step >= self.num_steps

    def next_plan_step(self) -> int:
        """Return the step at which the next plan is due: plan k at the first step not before k control periods."""
        if self.beside is not None:
            return self.step + self.simulation.task.physics_substeps
        # A period whose estimate was lost has no plan of its own, and counts all the same.
        step, periods = self._since
        period = self.config.controller.control_freq * self.simulation.dt
        ratio = step + (self.periods - periods) / period
        nearest = round(ratio)
        return nearest if abs(ratio - nearest) < 1e-6 else int(np.ceil(ratio))

    @property
    def periods(self) -> int:
        """Control periods that have begun."""
        if self.beside is not None:
            return self.beside.periods
        return self.controller.num_plans + self.num_lost

    def exchange(self, config: ControlConfig) -> Changed:
        """Go on under another config from the next plan on.

        Raises:
            PlanError: A field that changes needs a new loop.
        """
        planner = self.controller if self.beside is None else self.beside
        changed = planner.exchange(config)
        if config.controller.control_freq != self.config.controller.control_freq:
            # Periods are counted from here: the clock's grid of before has no place for those of another length.
            self._since = (self.next_plan_step(), self.periods)
        self.config = config
        self.simulation.exchange(config)
        return changed

    def advance(self) -> PlanStats:
        """Plan, then simulate until the next plan is due."""
        if self.beside is not None:
            self.plan, stats, is_new = self.beside.at_step(self)
            if is_new:
                self._record_plan(stats)
        elif self.messages is None:
            simulation = self.simulation
            metadata = simulation.task.get_sim_metadata()
            self.plan, stats = self._make_plan(simulation.snapshot(), metadata)
        else:
            stats = self._plan_from_message(self.messages)
        self._simulate()
        return stats

    def _begin_messages(self, seed: int) -> None:
        """Put what makes a plant imperfect between the two sides, if anything does."""
        model, plant = self.controller.task.model, self.config.plant
        self.messages: Messages | None = None
        self.commands = Commands()
        if plant.estimates:
            self.messages = Messages(model, plant, derive_seed(seed, "plant"))
            self._predictor = StatePredictor(self.controller.task)

    def _plan_from_message(self, messages: Messages) -> PlanStats:
        """Plan from the estimate that arrives now; without one, or if the plan is lost, the plan in force goes on."""
        now = self.simulation.time
        message = messages.arrived(self.periods, now)
        if message is None:
            self.num_lost += 1
            return PlanStats()
        state = message.state
        if self.config.plant.predict:
            state = self._predictor(state, self.commands, now)
        plan, stats = self._make_plan(state, message.metadata)
        stats.age = now - message.state.time
        if message.plan_arrives:
            self.plan = plan
            self.commands.give(now, plan)
        return stats

    def _make_plan(self, state: Snapshot, metadata: Metadata) -> tuple[ControlPlan, PlanStats]:
        """Plan from a state, and record the plan."""
        controller = self.controller
        fan = self.config.record.fan_every
        keep_fan = fan > 0 and controller.num_plans % fan == 0
        plan, stats = controller.plan(state, metadata)
        if keep_fan:
            self._record_fan()
        self._record_plan(stats)
        return plan, stats

    def _record_plan(self, stats: PlanStats) -> None:
        """Record the figures of a plan."""
        self.plans.add(
            plan_time=self.simulation.time,
            plan_reward=stats.reward,
            plan_ess=stats.ess,
            plan_spread=stats.spread,
            plan_clipped=stats.clipped,
            plan_diverged=float(stats.diverged),
            plan_rollouts=float(stats.rollouts),
            plan_seconds=stats.seconds,
        )

    def _simulate(self) -> None:
        """Simulate under the plan in force until the next plan is due."""
        simulation, plan = self.simulation, self.plan
        until = min(max(self.next_plan_step(), self.step + 1), self.num_steps)
        # A task's control acts for some steps of the physics, as in the rollouts of its plans.
        first, every = self.step, simulation.task.physics_substeps
        control = np.zeros(0)
        while self.step < until and not self.ended:
            if (self.step - first) % every == 0:
                view = simulation.task.view
                control = (
                    plan(simulation.time)
                    if plan.feedback is None
                    else plan.corrected(
                        simulation.time, view.qpos, np.concatenate([view.qvel, view.act])
                    )
                )
            reward = simulation.step(control)
            self.step += 1
            self.history.add(control=simulation.acted, reward=reward)
            if simulation.is_constrained:
                self.history.add(violation=simulation.violation)
            self.num_clamped += simulation.clamped
            self.costs.add(simulation.terms)
            self._record_state()
            self.ended = simulation.unstable or simulation.task.terminated()
            if self.after_step is not None:
                self.after_step()

    def _record_state(self) -> None:
        task, view = self.simulation.task, self.simulation.task.view
        if self.messages is not None:
            self.messages.measure(self.simulation.snapshot(), task.get_sim_metadata())
        positions, quaternions = view.mocap_poses
        self.history.add(
            time=self.simulation.time,
            qpos=view.qpos,
            qvel=view.qvel,
            act=view.act,
            mocap_pos=positions,
            mocap_quat=quaternions,
            success=bool(task.success()),
        )

    def _record_fan(self) -> None:
        """Keep where the first candidates of the last iteration would have taken the traced points."""
        rollouts = self.controller.problem.last
        if rollouts is None or not self._traces:
            return
        count = self.config.record.fan_size
        sensors = np.asarray(rollouts.sensors[:count])
        points = np.stack([sensors[..., columns] for columns in self._traces.values()], axis=2)
        rows = np.full((count, *points.shape[1:]), np.nan)
        rows[: points.shape[0]] = points
        self.fan.add(fan_time=self.simulation.time, fan_points=rows.astype(np.float32))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that was recorded."""
        recorded = {**self.history.arrays(), **self.plans.arrays(), **self.costs.arrays()}
        return {**recorded, **self.fan.arrays()}

    def save(self, folder: Path) -> None:
        """Write everything that the rest of the episode depends on into a checkpoint's folder."""
        state = {f"controller/{k}": v for k, v in self.controller.state().items()}
        state |= {f"simulation/{k}": v for k, v in self.simulation.saved().items()}
        state["step"], state["ended"] = np.array(self.step), np.array(self.ended)
        state["clamped"] = np.array(self.num_clamped)
        save_npz(folder / _STATE_FILE, state)
        save_npz(folder / _HISTORY_FILE, {**self.history.arrays(), **self.plans.arrays()})
        save_npz(folder / _FAN_FILE, self.fan.arrays())
        save_npz(folder / _COSTS_FILE, self.costs.arrays())

    def restore(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        state = load_npz(folder / _STATE_FILE)
        self.simulation.restore(_under(state, "simulation/"))
        self.controller.restore(_under(state, "controller/"))
        self.num_clamped = int(state["clamped"])
        self.step, self.ended = int(state["step"]), bool(state["ended"])
        recorded = load_npz(folder / _HISTORY_FILE)
        self.history.restore({k: v for k, v in recorded.items() if not k.startswith("plan_")})
        self.plans.restore({k: v for k, v in recorded.items() if k.startswith("plan_")})
        self.fan.restore(load_npz(folder / _FAN_FILE))
        self.costs.restore(load_npz(folder / _COSTS_FILE))
        if self.messages is not None:
            self.messages.measure(
                self.simulation.snapshot(), self.simulation.task.get_sim_metadata()
            )

    def close(self) -> None:
        """Give back threads."""
        if self.beside is not None:
            self.beside.close()
        self.controller.close()


def _under(saved: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
