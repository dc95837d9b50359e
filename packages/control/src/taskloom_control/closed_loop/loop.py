"""The closed loop: a controller with one copy of the task against a simulation with another, in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from taskloom.arrays import load_npz, save_npz
from taskloom.bound import BoundTask

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import (
    TermRecorder,
    TrajectoryRecorder,
)
from taskloom_control.config import ControlConfig
from taskloom_control.mjcf.physics import trace_columns
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.plan import PlanStats
from taskloom_control.planning.splines import num_steps
from taskloom_control.task import ControlTask

_STATE_FILE, _HISTORY_FILE = "state.npz", "history.npz"
_FAN_FILE, _COSTS_FILE = "fan.npz", "costs.npz"


class ClosedLoop:
    """One episode, advanced by one control period at a time.

    Args:
        task: The task; each side of the loop makes its own copy.
        plan_seed: Seed of the plans.
        reset_seed: Seed of the episode's beginning.
    """

    def __init__(
        self, task: BoundTask[ControlTask[Any], ControlConfig], plan_seed: int, reset_seed: int
    ) -> None:
        self.config = task.config
        self.simulation = Simulation(task.copy(), task.config)
        self.controller = Controller(task.copy(), task.config, plan_seed)
        self.history, self.plans = TrajectoryRecorder(), TrajectoryRecorder()
        self.fan = TrajectoryRecorder()
        self.costs = TermRecorder()
        self._traces = trace_columns(self.controller.task.model)
        self.num_steps = num_steps(self.config.seconds, self.simulation.dt)
        self.step = self.num_clamped = 0
        self.ended = False
        self.simulation.reset(np.random.default_rng(reset_seed))
        self._record_state()

    @property
    def done(self) -> bool:
        """True when the episode is over."""
        return self.ended or self.step >= self.num_steps

    def next_plan_step(self) -> int:
        """Return the step at which the next plan is due: plan k at the first step not before k control periods."""
        ratio = self.controller.num_plans / (
            self.config.controller.control_freq * self.simulation.dt
        )
        nearest = round(ratio)
        return nearest if abs(ratio - nearest) < 1e-6 else int(np.ceil(ratio))

    def advance(self) -> PlanStats:
        """Plan, then simulate until the next plan is due."""
        simulation, controller = self.simulation, self.controller
        fan = self.config.record.fan_every
        keep_fan = fan > 0 and controller.num_plans % fan == 0
        plan, stats = controller.plan(simulation.snapshot(), simulation.task.get_sim_metadata())
        if keep_fan:
            self._record_fan()
        self.plans.add(
            plan_time=simulation.time,
            plan_reward=stats.reward,
            plan_ess=stats.ess,
            plan_spread=stats.spread,
            plan_clipped=stats.clipped,
            plan_diverged=float(stats.diverged),
            plan_rollouts=float(stats.rollouts),
            plan_seconds=stats.seconds,
        )
        until = min(max(self.next_plan_step(), self.step + 1), self.num_steps)
        while self.step < until and not self.ended:
            control = plan(simulation.time)
            reward = simulation.step(control)
            self.step += 1
            self.history.add(control=simulation.acted, reward=reward)
            if simulation.is_constrained:
                self.history.add(violation=simulation.violation)
            self.num_clamped += simulation.clamped
            self.costs.add(simulation.terms)
            self._record_state()
            self.ended = simulation.unstable or simulation.task.terminated()
        return stats

    def _record_state(self) -> None:
        task, view = self.simulation.task, self.simulation.task.view
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

    def close(self) -> None:
        """Give back threads."""
        self.controller.close()


def _under(saved: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
