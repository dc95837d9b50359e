"""The receding-horizon controller: one plan per control period, warm-started by the part of the last one that lies ahead."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from taskloom import derive_seed

from taskloom_control.errors import ClockError, PlanError
from taskloom_control.mjcf.physics import Snapshot, unlimited_scales
from taskloom_control.optimizers.base import SamplingOptimizer
from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.knots import Draw, KnotShape
from taskloom_control.planning.deadline import Budget
from taskloom_control.planning.estimate import Estimate, Estimator, force_places, without_forces
from taskloom_control.planning.exchange import Changed, changes_between, knots_at, resample
from taskloom_control.planning.feedback import feedback_of
from taskloom_control.planning.grids import make_grid, require_ranges
from taskloom_control.planning.models import PlanningModels
from taskloom_control.planning.noise import CounterNoise
from taskloom_control.planning.normalizers import Normalizer
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.planning.problem import PlanningProblem, judged
from taskloom_control.planning.splines import shift_curve
from taskloom_control.planning.starts import first_control
from taskloom_control.task import ControlTask, Metadata

if TYPE_CHECKING:
    from taskloom_control.config import ControlConfig
    from taskloom_control.engines.base import ModelsEngine
    from taskloom_control.optimizers.base import Optimizer, TrajectoryOptimizer
    from taskloom_control.optimizers.ilqr import ILQR

# Clocks are sums of steps in floating point; estimates this close [s] are of one moment.
_ROUNDING = 1e-9


class Controller:
    """Plans for one copy of a task.

    Args:
        task: The copy; the simulation has another.
        config: The solver, and the weights of the reward.
        seed: Seed of the plans' random streams.

    Attributes:
        num_plans: Plans since the beginning or the last `reset`.
        late_estimates: Estimates that were older than the one before by a control period or less.
        restarts: Plans that began anew, because the clock had gone on by more than the horizon.

    Raises:
        PlanError: The horizon is shorter than a step, there are too few knots for the spline, or the optimizer needs a control
            range that an actuator has not.
    """

    def __init__(self, task: ControlTask[Any], config: ControlConfig, seed: int) -> None:
        self.task, self.config, self.optimizer = task, config, optimizer_of(config)
        task.take_config(config)
        self.low, self.high = task.control_bounds()
        require_ranges(task, config, self.low, self.high)
        self.grid = make_grid(task, config)
        self.normalizer = self._make_normalizer(config)
        self.engine = config.engine.build(task, config)
        self.search = self.optimizer.init(KnotShape(self.grid.num_knots, self.low.size))
        self._seed, self._episode, self._noise = seed, 0, CounterNoise(seed)
        self.models = self._make_models()
        self.problem = self._make_problem()
        self._estimator = Estimator(task.model)
        self._forces = force_places(task.model)
        self._next: ControlConfig | None = None
        self._spent = 0
        self.num_plans = self.late_estimates = self.restarts = 0
        self._last_time = -np.inf
        self.plan_now: ControlPlan | None = None

    def reset(self, seed: int | None = None) -> None:
        """Begin anew, as constructed: no plan, no memory, no statistics.

        Args:
            seed: Seed of the random streams; None goes on to the next one that is derived from the seed of the beginning.
        """
        self._episode += 1
        if seed is None:
            self._noise = CounterNoise(derive_seed(self._seed, f"episode-{self._episode}"))
        else:
            self._seed, self._episode, self._noise = seed, 0, CounterNoise(seed)
        self.normalizer = self._make_normalizer(self.config)
        self.search = self.optimizer.init(KnotShape(self.grid.num_knots, self.low.size))
        self.models = self._make_models()
        self.problem, self._spent = self._make_problem(), 0
        self._estimator.reset()
        self.num_plans = self.late_estimates = self.restarts = 0
        self._last_time = -np.inf
        self.plan_now = None

    def exchange(self, config: ControlConfig) -> Changed:
        """Replace the config from the next plan on, with as much of the memory as fits.

        Returns:
            The fields that change, sorted by what becomes of the memory.

        Raises:
            PlanError: A field that changes needs a new controller: the task, its model or the engine.
        """
        changed = self.examine(config)
        self._next = config
        return changed

    def examine(self, config: ControlConfig) -> Changed:
        """Return the fields that another config would change, as `exchange` does, and change nothing.

        Raises:
            PlanError: A field that changes needs a new controller.
        """
        changed = changes_between(self._next or self.config, config)
        require_ranges(self.task, config, self.low, self.high)
        make_grid(
            self.task, config
        )  # a plan that cannot be made is refused now, not when it is due
        return changed

    def plan(
        self,
        state: Snapshot | Estimate,
        metadata: Metadata | None = None,
        budget: Budget | None = None,
    ) -> tuple[ControlPlan, PlanStats]:
        """Return the plan for the control period that begins now.

        Args:
            state: The state to plan from: the whole one, or an estimate of it.
            metadata: What the simulation's copy of the task passed on.
            budget: Divides the candidates into chunks and cuts them short; without one all are rolled out at once.

        Raises:
            PlanError: The estimate cannot be used; the plan of before stays in force.
            ClockError: The clock went back by more than a control period.
        """
        began, stats = time.perf_counter(), PlanStats()
        if budget is not None:
            budget.begin()
        snapshot = self.whole(state)
        moment = self._moment(snapshot.time)
        if self._next is not None:
            self._adopt(self._next, moment)
        index, phase = self.grid.locate(moment)
        residual = self._warm_start(index, moment, snapshot)
        self._last_time = moment
        if self.models is not None and self.models.draw(self.num_plans):
            cast("ModelsEngine", self.engine).take_models(self.models.batch)
        self.task.pre_rollout(snapshot.state, self.config)
        self.problem.begin(snapshot, metadata or {}, phase, residual)
        settings = self.config.controller
        iterations = settings.iterations
        if self.num_plans == 0 and settings.first_iterations:
            iterations = settings.first_iterations
        for iteration in range(iterations):
            if not self._improve((iteration, iterations), stats, budget):
                break
        curve = self.grid.coefficients(self.normalizer.decode(self.search.nominal))
        if residual is not None:
            curve = curve + residual
        gains = (
            feedback_of(cast("ILQR", self.optimizer), self.search, self.problem)
            if settings.feedback == "ilqr"
            else None
        )
        self.plan_now = ControlPlan(self.grid, index, curve, self.low, self.high, gains)
        self.num_plans += 1
        stats.deadline_missed = budget is not None and budget.end()
        stats.seconds = time.perf_counter() - began
        return self.plan_now, stats

    def whole(self, state: Snapshot | Estimate) -> Snapshot:
        """Return the state to plan from; without the forces from outside, unless the config lets them be foreseen.

        Raises:
            PlanError: The estimate cannot be used.
        """
        if isinstance(state, Estimate):
            return self._estimator.snapshot(state, self.plan_now, self._in_force())
        if not np.isfinite(state.integration).all():
            raise PlanError(f"The state at {state.time:g} s is not finite; {self._in_force()}")
        if self.config.controller.foresees == "forces":
            return state
        return without_forces(state, self._forces)

    def _in_force(self) -> str:
        if self.plan_now is None:
            return "there is no plan yet."
        return f"the last plan stays in force until {self.plan_now.valid_until:.6g} s."

    def _moment(self, now: float) -> float:
        """Return the time to plan for, which never goes back.

        Raises:
            ClockError: The clock went back by more than a control period.
        """
        late = self._last_time - now
        if late <= _ROUNDING:
            return now
        # Messages overtake each other: within a period the grid of the last plan still serves.
        if late <= 1.0 / self.config.controller.control_freq + _ROUNDING:
            self.late_estimates += 1
            return self._last_time
        raise ClockError(
            f"The clock went back from {self._last_time:.2f} s to {now:.2f} s; call reset() to begin anew."
        )

    def _warm_start(self, index: int, moment: float, snapshot: Snapshot) -> np.ndarray | None:
        """Move the optimizer to the knots that begin at an index; return what its knots alone do not say of the curve.

        Zero-order holds and lines are local, so the shifted knots are the shifted curve. A cubic or an Akima spline through
        the shifted knots is another curve; the difference is carried along, so that a plan that nothing improves is executed
        to its end exactly, whatever the replanning period.
        """
        # After a pause of a whole horizon nothing of the plan lies ahead.
        gone = moment - self._last_time > max(
            self.grid.horizon, 1.0 / self.config.controller.control_freq
        )
        if self.plan_now is None or gone:
            self.restarts += self.plan_now is not None
            held = first_control(self.task, self.low, self.high, snapshot)
            start = np.tile(held, (self.grid.num_knots, 1))
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

    def _improve(
        self, place: tuple[int, int], stats: PlanStats, budget: Budget | None = None
    ) -> bool:
        """Run one iteration of the optimizer; return whether the budget allowed all of it.

        Args:
            place: Number of the iteration, and how many there are.
            stats: The plan's figures, which are added to.
            budget: As for `plan`.
        """
        problem, state, (iteration, iterations) = self.problem, self.search, place
        if isinstance(state, ControlState):
            # An iteration of a trajectory optimizer is one candidate: whole, or left out.
            stats.rollouts_asked += 1
            if budget is not None and not budget.chunk(iteration, 0, 1, 0.0):
                return False
            stats.reward = cast("TrajectoryOptimizer", self.optimizer).improve(state, problem)
            stats.rollouts += 1
            if budget is not None:
                budget.ran()
            return True
        sampler = cast("SamplingOptimizer", self.optimizer)
        low, high = self.normalizer.bounds
        rng = self._noise.stream(self.num_plans, iteration)
        drawn = sampler.sample(state, Draw(rng, iteration, iterations, low, high))
        # Clipped here and not drawn inside, so that candidates beyond a bound test the bound itself.
        knots = np.maximum(drawn, low)
        np.minimum(knots, high, out=knots)
        asked = len(knots)
        robust = self.config.robust
        stats.rollouts_asked += robust.rollouts_of(asked) if robust else asked
        before = problem.rollouts
        rewards, diverged = judged(problem, knots, iteration, budget)
        used = len(rewards)
        stats.diverged += diverged
        stats.rollouts += problem.rollouts - before
        if used < asked:
            drawn, knots = drawn[:used], knots[:used]
        if budget is not None and used < min(budget.least, sampler.num_rollouts):
            # Too few to learn from: the plan of before, moved on in time, is the better one.
            stats.starved = iteration == 0
            return False
        stats._drawn, stats._knots, stats._weights = drawn, knots, None
        stats.reward = float(rewards.max())
        # Diverged candidates count too: they are part of what the optimizer proposes.
        if self.normalizer.name == "running":
            self.normalizer.observe(self.normalizer.decode(knots))
        if stats.reward == -np.inf:
            return True  # every rollout diverged: the plan of before is the best there is
        sampler.update(state, knots, rewards)
        stats._weights = state.weights
        return used == asked

    def _make_normalizer(self, config: ControlConfig) -> Normalizer:
        # A task with controls of its own has no actuators to look bounds up for.
        scales = unlimited_scales(self.task.model, config.controller.unlimited_scale)
        wide = scales if scales.size == self.low.size else config.controller.unlimited_scale
        return Normalizer(config.controller.action_normalizer, self.low, self.high, wide)

    def _make_problem(self) -> PlanningProblem:
        penalty = self.config.controller.penalty
        return PlanningProblem(
            self.task,
            self.config,
            self.engine,
            self.grid,
            self.normalizer,
            models=self.models,
            penalty=penalty,
        )

    def _make_models(self) -> PlanningModels | None:
        """Return the models of a robust plan, which the engine takes; None where the planning model is the only one."""
        if self.config.robust is None:
            return None
        named = "models" if self._episode == 0 else f"models-{self._episode}"
        models = PlanningModels(self.task, self.config.robust, derive_seed(self._seed, named))
        cast("ModelsEngine", self.engine).take_models(models.batch)
        return models

    def _adopt(self, config: ControlConfig, moment: float) -> None:
        """Take over a config that was exchanged, with what is remembered resampled at its knots."""
        changed = changes_between(self.config, config)
        old, self.config, self._next = self.config, config, None
        self.optimizer = optimizer_of(config)
        self.task.take_config(config)
        # Most engines know the model only; one that computes with the config's numbers has to be made anew.
        if config.engine.uses_config:
            self.engine.close()
            self.engine = config.engine.build(self.task, config)
        if changed.reshaping or changed.memory:
            before = self.grid
            self.grid = make_grid(self.task, config)
            shape = KnotShape(self.grid.num_knots, self.low.size)
            # One kind of optimizer has one kind of memory, and takes over no other.
            fresh: Any = self.optimizer.init(shape)
            same = type(old.optimizer) is type(self.optimizer) and not changed.memory
            if self.plan_now is not None:
                first = self.plan_now.start
                self.plan_now = resample(self.plan_now, self.grid, moment)
                if not same:
                    self.normalizer = self._make_normalizer(config)
                # In controls first, then in the new coordinates: the plan is what both optimizers mean.
                nominal = self.normalizer.encode(self.plan_now.curve[:, 0])
                fresh.reset(nominal)
                if same:
                    move = partial(knots_at, old=before, new=self.grid, moments=(first, moment))
                    fresh.carry_over(self.search, move)
            self.search = fresh
        if isinstance(self.search, ControlState):
            self.search.local = None  # it judges by the config of before
        self._spent += self.problem.physics
        if config.robust != old.robust:
            self.models = self._make_models()
        self.problem = self._make_problem()

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        saved = {f"optimizer/{k}": v for k, v in self.search.saved().items()}
        saved |= {f"normalizer/{k}": v for k, v in self.normalizer.state().items()}
        # The count numbers the random streams, so a resumed run draws what an uninterrupted one draws.
        saved["num_plans"] = np.array(self.num_plans)
        saved["clock"] = np.array([self._last_time, self.late_estimates, self.restarts])
        if self.plan_now is not None:
            saved |= {"start": np.array(self.plan_now.start), "curve": self.plan_now.curve}
        return saved

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.search.restore(_under(saved, "optimizer/"))
        self.normalizer.restore(_under(saved, "normalizer/"))
        self.num_plans = int(saved["num_plans"])
        last, late, restarts = saved["clock"]
        self._last_time, self.late_estimates, self.restarts = float(last), int(late), int(restarts)
        if "curve" in saved:
            curve = np.array(saved["curve"])
            self.plan_now = ControlPlan(self.grid, int(saved["start"]), curve, self.low, self.high)

    @property
    def physics(self) -> int:
        """Steps of the physics that were computed for candidates since the beginning or the last `reset`."""
        return self._spent + self.problem.physics

    def close(self) -> None:
        """Give back the engine's threads."""
        self.engine.close()


def optimizer_of(config: ControlConfig) -> Optimizer:
    """Return the optimizer of a config, with as many candidates as it can afford under several models."""
    robust, optimizer = config.robust, config.optimizer
    if robust is None or robust.budget != "same":
        return optimizer
    sampler = cast("SamplingOptimizer", optimizer)  # the config has refused any other
    return sampler.with_rollouts(robust.candidates(sampler.num_rollouts))


def _under(saved: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
