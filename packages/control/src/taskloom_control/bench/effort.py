"""Effort of a planner: steps of the physics that it computes for candidates, for each simulated second.

    plans a second * iterations * rollouts of a plan under all its models * steps of a plan

It is the same on every machine and at any load, which CPU time is not. iLQR and LQR also pay for derivatives and line searches,
so theirs is counted while they run.
"""

from __future__ import annotations

import math
import time

import numpy as np
from taskloom.errors import UsageError

from taskloom_control.bench.variants import Bound, with_values
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.optimizers.base import SamplingOptimizer, TrajectoryOptimizer
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.grids import make_grid
from taskloom_control.planning.starts import first_control

# Both sides of a comparison spend the same within this share.
TOLERANCE = 0.02
# The quickest of some tries is the one that nothing else disturbed.
_TRIES, _TRY = 5, 0.05
_CANDIDATES = 16


def plans_per_second(task: Bound) -> float:
    """Return the number of plans for each simulated second: a step of the simulation is the shortest time between two."""
    shortest = float(task.task.sim_model.opt.timestep)
    return float(min(task.config.controller.control_freq, 1.0 / shortest))


def steps_of_a_candidate(task: Bound) -> float:
    """Return the steps of the physics that one of the optimizer's rollouts costs for each simulated second."""
    each, robust, optimizer = _steps_of_a_rollout(task), task.config.robust, task.config.optimizer
    if robust is None or not isinstance(optimizer, SamplingOptimizer):
        return each
    count = optimizer.num_rollouts
    return each * robust.rollouts_of(robust.candidates(count)) / count


def _steps_of_a_rollout(task: Bound) -> float:
    length = make_grid(task.task, task.config).num_steps * task.task.physics_substeps
    return plans_per_second(task) * task.config.controller.iterations * length


def with_budget(task: Bound, budget: float, *, tolerance: float = TOLERANCE) -> Bound:
    """Return a task with as many candidates as a budget pays for, rounded down.

    Args:
        task: The task.
        budget: Steps of the physics for each simulated second.
        tolerance: Largest share of the budget that may be left over.

    Raises:
        UsageError: The optimizer has no candidates, or no number of them comes near enough to the budget.
    """
    optimizer = task.config.optimizer
    if not isinstance(optimizer, SamplingOptimizer):
        raise UsageError(
            f"The optimizer '{_kind(task)}' of {task.name} has no candidates to fit a budget of {budget:,.0f} steps a second "
            f"with: one iteration alone takes {_one_iteration(task):,.0f} or more."
        )
    each, robust = _steps_of_a_rollout(task), task.config.robust
    count = rollouts = math.floor(budget / each * (1 + 1e-12))
    if robust is not None:
        # What is left over would be rolled out by none.
        rollouts = robust.rollouts_of(robust.affordable(rollouts))
        count = robust.affordable(rollouts) if robust.budget == "times_models" else rollouts
    if count < 1 or rollouts * each < (1 - tolerance) * budget:
        least = max(rollouts if robust is None else robust.affordable(rollouts), 1)
        fewer, more = (n if robust is None else robust.rollouts_of(n) for n in (least, least + 1))
        raise UsageError(
            f"{task.name}: {fewer} rollouts of '{_kind(task)}' cost {fewer * each:,.0f} steps a second and {more} cost "
            f"{more * each:,.0f}; neither is within {tolerance:.0%} of {budget:,.0f}."
        )
    return with_values(task, {"optimizer.num_rollouts": count})


def within_budget(task: Bound, budget: float, *, tolerance: float = TOLERANCE) -> Bound:
    """Return a task that spends a budget; a trajectory optimizer, which has no candidates to fit it with, may spend less.

    What such an optimizer spends shows while it runs, as `Episode.physics`: here it is refused where it is too much for sure.

    Raises:
        UsageError: No number of candidates comes near enough to the budget, or one iteration is beyond it.
    """
    if isinstance(task.config.optimizer, TrajectoryOptimizer) and _one_iteration(task) <= budget:
        return task
    return with_budget(task, budget, tolerance=tolerance)


def cpu_of_a_step(task: Bound) -> float:
    """Return the CPU time of one step of a candidate on this machine, its reward included [s]: the quickest of five tries."""
    simulation = Simulation(task.copy(), task.config)
    simulation.reset(np.random.default_rng(0))
    controller = Controller(task.copy(), task.config, 0)
    try:
        problem, grid = controller.problem, controller.grid
        snapshot = simulation.snapshot()
        controller.task.pre_rollout(snapshot.state, task.config)
        problem.begin(snapshot, simulation.task.get_sim_metadata(), 0.0, None)
        start = first_control(controller.task, controller.low, controller.high, snapshot)
        knots = np.tile(controller.normalizer.encode(start), (_CANDIDATES, grid.num_knots, 1))
        best: float = math.inf
        for _ in range(_TRIES):
            began, before = time.process_time(), problem.physics
            while time.process_time() - began < _TRY:
                problem.evaluate(knots)
            best = min(best, (time.process_time() - began) / (problem.physics - before))
        return float(best)
    finally:
        controller.close()


def budget_of(task: Bound, milliseconds: float) -> float:
    """Return the steps of the physics for each simulated second that some CPU time a plan pays for here.

    Args:
        task: The task.
        milliseconds: CPU time of a plan [ms].
    """
    return 1e-3 * milliseconds * plans_per_second(task) / cpu_of_a_step(task)


def _kind(task: Bound) -> str:
    return str(getattr(task.config.optimizer, "kind", ""))


def _one_iteration(task: Bound) -> float:
    """Return the steps that one iteration of a trajectory optimizer takes at least for each simulated second."""
    optimizer, model = task.config.optimizer, task.task.model
    if not getattr(optimizer, "expands_each_plan", True):
        return float(steps_of_a_candidate(task))
    # The rollout, centred differences in every direction of state and control, and one length of the line search.
    each = 2 + 2 * (2 * model.nv + model.na + model.nu)
    return float(steps_of_a_candidate(task) * each)
