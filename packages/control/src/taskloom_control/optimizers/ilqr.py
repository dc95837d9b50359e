"""iLQR with box constraints along MuJoCo's transition derivatives.

Y. Tassa, T. Erez and E. Todorov, "Synthesis and stabilization of complex behaviors through online trajectory optimization",
IROS 2012 (iterations, regularization), and the control bounds of Tassa et al., ICRA 2014.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_control.optimizers.backward import FeedbackPolicy, backward_pass
from taskloom_control.optimizers.base import TrajectoryOptimizer
from taskloom_control.optimizers.controls import ControlState

if TYPE_CHECKING:
    from taskloom_control.optimizers.expansion import Trajectory
    from taskloom_control.optimizers.knots import KnotShape
    from taskloom_control.optimizers.linear import LocalModel
    from taskloom_control.planning.problem import PlanningProblem

_log = logging.getLogger(__name__)
_LARGEST = 1e10
# Steps between two updates of the multipliers, and the relative gain below which there are no more.
_INNER, _ENOUGH = 10, 1e-6
_GROWTH = 10.0
# A step has to bring this share of what the local model expects.
_ACCEPTED = 1e-4


class ILQR(TrajectoryOptimizer):
    """iLQR with bounds on the controls.

    The plan is improved to second order along MuJoCo's transition derivatives.
    """

    has_gains: ClassVar[bool] = True

    kind: Literal["ilqr"] = "ilqr"
    epsilon: Annotated[float, Field(gt=0, lt=0.1)] = 1e-6
    """Step of the finite differences through the physics; physics that is affine takes at least a thousandth."""
    regularization: Annotated[float, Field(ge=0)] = 1e-6
    """Smallest Levenberg-Marquardt regularization of the control Hessian."""
    line_search: Annotated[int, Field(ge=1, le=64)] = 10
    """Step lengths 1, 1/2, 1/4, ... tried at once."""
    feasibility: Annotated[float, Field(gt=0)] = 1e-4
    """Largest violation of the task's constraints that a plan may keep, in their own units."""
    outer_iterations: Annotated[int, Field(ge=1, le=100)] = 8
    """Updates of the constraints' multipliers of a plan at most."""

    def init(self, shape: KnotShape) -> ControlState:
        """Return a state whose adapting number is the regularization."""
        return ControlState(shape, self.regularization)

    def improve(self, state: ControlState, problem: PlanningProblem) -> float:
        """Expand around the nominal plan, solve, and search along the solution; return the reward of the result."""
        local = state.local_model(problem, self.epsilon)
        path = local.simulate(problem.normalizer.decode(state.nominal))
        if not np.isfinite(path.cost):
            # A plan that diverges has no derivatives; doing nothing nearly always has some.
            still = np.clip(np.zeros_like(path.controls), problem.low, problem.high)
            path = local.simulate(still)
        if np.isfinite(path.cost):
            solve = self._constrained if local.is_constrained else self._step
            path = solve(state, local, problem, path)
        state.nominal = problem.normalizer.encode(path.controls)
        return -path.cost

    def feedback(
        self, state: ControlState, problem: PlanningProblem
    ) -> tuple[Trajectory, np.ndarray] | None:
        """Return the trajectory of the plan as it stands, and the gains around it, shape (T, nu, n); None without a local model.

        The gains are those of one backward pass around the trajectory that is executed, not around the one before the last
        line search; a control at its bound does not react.
        """
        local = state.local_model(problem, self.epsilon)
        path = local.simulate(problem.normalizer.decode(state.nominal))
        if not np.isfinite(path.cost):
            return None
        if local.is_constrained and state.multipliers.shape == local.violations(path).shape:
            local.penalize(state.multipliers)
        model = local.expand(path, sharp=True)
        local.penalize(None)
        low, high = problem.low - path.controls, problem.high - path.controls
        still = np.zeros((len(path.controls), local.size))
        # The cost's own Hessian where it is convex: a regularized one would give timid gains.
        regularization = 0.0
        while regularization <= _LARGEST:
            policy = backward_pass(model, still, low, high, regularization)
            if policy is not None:
                policy.gains[(low >= 0.0) | (high <= 0.0)] = 0.0
                return path, policy.gains
            regularization = max(regularization, 1e-6) * _GROWTH
        return None

    def _constrained(
        self, state: ControlState, local: LocalModel, problem: PlanningProblem, path: Trajectory
    ) -> Trajectory:
        """Return the least violating trajectory of an augmented Lagrangian method, with its own cost.

        Bertsekas, "Constrained Optimization and Lagrange Multiplier Methods" (1982), chapter 2.
        """
        weight, before, least, best = 1.0, np.inf, np.inf, path
        multipliers = state.multipliers
        if multipliers.shape != local.violations(path).shape:
            multipliers = np.zeros_like(local.violations(path))
        for _ in range(self.outer_iterations):
            local.penalize(multipliers, weight)
            path.cost = local.merit(path)
            path = self._converged(state, local, problem, path)
            values = local.violations(path)
            violation = float(values.max(initial=0.0))
            if violation < least:
                least, best = violation, path
            multipliers = np.maximum(0.0, multipliers + weight * values)
            if violation <= self.feasibility:
                break
            if violation > before / 4:
                weight *= 4
            before = violation
        # The weight begins anew with the next plan; what was learnt of the constraints goes on with its steps.
        state.multipliers = multipliers
        local.penalize(None)
        best.cost = local.merit(best)
        if least > self.feasibility:
            _log.warning(
                "no plan at %.6g s keeps the constraints: the least violating one exceeds them by %.3g",
                problem.snapshot.time,
                least,
            )
        return best

    def _converged(
        self, state: ControlState, local: LocalModel, problem: PlanningProblem, path: Trajectory
    ) -> Trajectory:
        """Return a trajectory that a few steps hardly improve any more."""
        for _ in range(_INNER):
            better = self._step(state, local, problem, path)
            gain = path.cost - better.cost
            path = better
            if gain <= _ENOUGH * abs(path.cost):
                break
        return path

    def _step(
        self, state: ControlState, local: LocalModel, problem: PlanningProblem, path: Trajectory
    ) -> Trajectory:
        """Return a better trajectory, or the same one if there is none."""
        model = local.expand(path)
        low, high = problem.low - path.controls, problem.high - path.controls
        still = np.zeros((len(path.controls), local.size))
        while state.regularization <= _LARGEST:
            policy = backward_pass(model, still, low, high, state.regularization)
            if policy is not None:
                found = self._search(local, path, policy)
                if found is not None:
                    state.regularization = max(state.regularization / _GROWTH, self.regularization)
                    return found
                if policy.expected > -1e-14 * abs(path.cost):
                    return path  # nothing left to gain
            # From zero no factor would lead away, so growth begins at 1e-6.
            state.regularization = max(state.regularization, 1e-6) * _GROWTH
        state.regularization = self.regularization
        return path

    def _search(
        self, local: LocalModel, path: Trajectory, policy: FeedbackPolicy
    ) -> Trajectory | None:
        """Return the first rollout along the step, halved again and again, that is better by a fair share."""
        size = 1.0
        for _ in range(self.line_search):
            candidate = local.simulate(path.controls + size * policy.steps, path, policy.gains)
            # Along the direction the local model is a parabola whose minimum is at the full step.
            expected = size * (2 - size) * policy.expected
            if candidate.cost < path.cost + min(_ACCEPTED * expected, 0.0):
                return candidate
            size *= 0.5
        return None
