"""The receding-horizon controller: one plan per control period, warm-started by the part of the last one that lies ahead."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.mjcf.physics import Snapshot, control_range
from taskloom_control.optimizers.base import SamplingOptimizer
from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.knots import Draw, KnotShape
from taskloom_control.optimizers.weights import effective_sample_size
from taskloom_control.planning.noise import CounterNoise
from taskloom_control.planning.normalizers import Normalizer
from taskloom_control.planning.problem import PlanningProblem, check_sizes
from taskloom_control.planning.splines import MIN_KNOTS, KnotGrid, num_steps, shift_curve
from taskloom_control.task import ControlTask, Metadata

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.config import ControlConfig
    from taskloom_control.optimizers.base import TrajectoryOptimizer


@dataclass(frozen=True)
class ControlPlan:
    """Controls as a function of simulated time.

    Attributes:
        grid: The knots.
        start: Index of the first knot on the clock's grid.
        curve: Coefficients in units of the controls, shape (n, p, nu).
        low: Lower bounds of the controls.
        high: Upper bounds of the controls.
    """

    grid: KnotGrid
    start: int
    curve: Float[np.ndarray, "n p nu"]
    low: Float[np.ndarray, " nu"]
    high: Float[np.ndarray, " nu"]

    def __call__(self, moment: float) -> Float[np.ndarray, " nu"]:
        """Return the controls at a simulated time [s]."""
        index, phase = self.grid.locate(moment)
        # By its own knots, not by its age: a plan is executed on the clock's grid whenever it was made.
        position = np.array([index - self.start + phase])
        flat = self.curve.reshape(-1, self.curve.shape[-1])
        return np.asarray(np.clip((self.grid.powers_at(position) @ flat)[0], self.low, self.high))


@dataclass
class PlanStats:
    """Cost of one plan, and how the search for it went.

    Attributes:
        reward: Best reward of the last iteration.
        diverged: Rollouts that met a bad number, in all iterations.
        rollouts: Rollouts in all iterations.
        seconds: Wall-clock time [s].
    """

    reward: float = -np.inf
    diverged: int = 0
    rollouts: int = 0
    seconds: float = 0.0
    # Kept for the diagnoses below, which are worked out when they are asked for.
    _drawn: np.ndarray | None = field(default=None, repr=False)
    _knots: np.ndarray | None = field(default=None, repr=False)
    _weights: np.ndarray | None = field(default=None, repr=False)

    @property
    def ess(self) -> float:
        """Effective sample size of the last update."""
        return 1.0 if self._weights is None else float(effective_sample_size(self._weights))

    @property
    def clipped(self) -> float:
        """Share of the last candidates' knots that lay outside of the control range."""
        if self._drawn is None or self._knots is None:
            return 0.0
        return int(np.count_nonzero(self._drawn != self._knots)) / self._knots.size

    @property
    def spread(self) -> float:
        """Standard deviation of the knots under the weights of the last update, in the normalizer's units."""
        knots, weights = self._knots, self._weights
        if knots is None or weights is None:
            return 0.0
        # Weighted, because the candidates that do not count lie as far away as sigma reaches.
        mean = np.tensordot(weights, knots, axes=1)
        return float(np.sqrt(np.tensordot(weights, np.square(knots - mean), axes=1).mean()))


class Controller:
    """Plans for one copy of a task.

    Args:
        task: The copy; the simulation has another.
        config: The solver, and the weights of the reward.
        seed: Seed of the plans' random streams.

    Raises:
        PlanError: The horizon is shorter than a step, or there are too few knots for the spline.
    """

    def __init__(self, task: ControlTask[Any], config: ControlConfig, seed: int) -> None:
        settings = config.controller
        self.task, self.config, self.optimizer = task, config, config.optimizer
        dt = float(task.model.opt.timestep)
        if isinstance(self.optimizer, SamplingOptimizer):
            grid = KnotGrid(settings.spline, self.optimizer.num_nodes, settings.horizon, dt)
            check_sizes(grid, MIN_KNOTS[settings.spline])
        else:
            steps = num_steps(settings.horizon, dt)
            # One knot per step, held: a trajectory optimizer chooses every control itself.
            grid = KnotGrid("zero", steps, steps * dt, dt)
            check_sizes(KnotGrid("zero", 1, settings.horizon, dt), 1)
        self.grid = grid
        self.low, self.high = control_range(task.model)
        self.normalizer = Normalizer(settings.action_normalizer, self.low, self.high)
        self.engine = config.engine.build(task, config)
        shape = KnotShape(grid.num_knots, task.model.nu, settings.iterations)
        self.search = self.optimizer.init(shape)
        self.problem = PlanningProblem(task, config, self.engine, grid, self.normalizer)
        self._noise = CounterNoise(seed)
        self.num_plans = 0
        self.plan_now: ControlPlan | None = None

    def plan(self, snapshot: Snapshot, metadata: Metadata) -> tuple[ControlPlan, PlanStats]:
        """Return the plan for the control period that begins now.

        Args:
            snapshot: The state to plan from.
            metadata: What the simulation's copy of the task passed on.
        """
        began, stats = time.perf_counter(), PlanStats()
        index, phase = self.grid.locate(snapshot.time)
        residual = self._warm_start(index)
        self.task.pre_rollout(snapshot.state, self.config)
        self.problem.begin(snapshot, metadata, phase, residual)
        settings = self.config.controller
        iterations = settings.iterations
        if self.num_plans == 0 and settings.first_iterations:
            iterations = settings.first_iterations
        for iteration in range(iterations):
            self._improve(iteration, iterations, stats)
        curve = self.grid.coefficients(self.normalizer.decode(self.search.nominal))
        if residual is not None:
            curve = curve + residual
        self.plan_now = ControlPlan(self.grid, index, curve, self.low, self.high)
        self.num_plans += 1
        stats.seconds = time.perf_counter() - began
        return self.plan_now, stats

    def _warm_start(self, index: int) -> np.ndarray | None:
        """Move the optimizer to the knots that begin at an index; return what its knots alone do not say of the curve.

        Zero-order holds and lines are local, so the shifted knots are the shifted curve. A cubic or an Akima spline through
        the shifted knots is another curve; the difference is carried along, so that a plan that nothing improves is executed
        to its end exactly, whatever the replanning period.
        """
        if self.plan_now is None:
            start = np.tile(first_control(self.task, self.low, self.high), (self.grid.num_knots, 1))
            self.search.reset(self.normalizer.encode(start))
            return None
        count = index - self.plan_now.start
        self.search.shift(count)
        change = self.normalizer.advance()
        if change is not None:
            self.search.rescale(*change)
        if self.grid.name in ("zero", "linear"):
            return None
        ahead = shift_curve(self.plan_now.curve, count)
        return np.asarray(ahead - self.grid.coefficients(ahead[:, 0]))

    def _improve(self, iteration: int, iterations: int, stats: PlanStats) -> None:
        """Run one iteration of the optimizer."""
        problem, state = self.problem, self.search
        if isinstance(state, ControlState):
            stats.reward = cast("TrajectoryOptimizer", self.optimizer).improve(state, problem)
            stats.rollouts += 1
            return
        sampler = cast("SamplingOptimizer", self.optimizer)
        low, high = self.normalizer.bounds
        rng = self._noise.stream(self.num_plans, iteration)
        drawn = sampler.sample(state, Draw(rng, iteration, iterations, low, high))
        # Clipped here and not drawn inside, so that candidates beyond a bound test the bound itself.
        knots = np.maximum(drawn, low)
        np.minimum(knots, high, out=knots)
        rewards = problem.evaluate(knots)
        stats.diverged += problem.diverged
        stats.rollouts += rewards.size
        stats._drawn, stats._knots, stats._weights = drawn, knots, None
        stats.reward = float(rewards.max())
        # Diverged candidates count too: they are part of what the optimizer proposes.
        if self.normalizer.name == "running":
            self.normalizer.observe(self.normalizer.decode(knots))
        if stats.reward == -np.inf:
            return  # every rollout diverged: the plan of before is the best there is
        sampler.update(state, knots, rewards)
        stats._weights = state.weights

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        saved = {f"optimizer/{k}": v for k, v in self.search.saved().items()}
        saved |= {f"normalizer/{k}": v for k, v in self.normalizer.state().items()}
        # The count numbers the random streams, so a resumed run draws what an uninterrupted one draws.
        saved["num_plans"] = np.array(self.num_plans)
        if self.plan_now is not None:
            saved |= {"start": np.array(self.plan_now.start), "curve": self.plan_now.curve}
        return saved

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.search.restore(_under(saved, "optimizer/"))
        self.normalizer.restore(_under(saved, "normalizer/"))
        self.num_plans = int(saved["num_plans"])
        if "curve" in saved:
            curve = np.array(saved["curve"])
            self.plan_now = ControlPlan(self.grid, int(saved["start"]), curve, self.low, self.high)

    def close(self) -> None:
        """Give back the engine's threads."""
        self.engine.close()


def first_control(task: ControlTask[Any], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the control that the first plan begins with, inside of the control range, shape (nu,).

    Raises:
        PlanError: The task gives as many numbers as the model has no controls.
    """
    given = np.asarray(task.optimizer_warm_start(), dtype=float)
    if given.shape not in ((), (1,), low.shape):
        raise PlanError(
            f"optimizer_warm_start() of {type(task).__name__} has the shape {given.shape}; the model has nu = {low.size}, "
            f"which needs the shape {low.shape}."
        )
    return np.asarray(np.clip(np.broadcast_to(given, low.shape), low, high))


def _under(saved: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
