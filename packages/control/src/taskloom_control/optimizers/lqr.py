"""LQR: the optimal feedback of the system linearized at the task's setpoint, over the horizon.

The regulator is solved once, by the same backward pass as iLQR; a plan is the rollout of the true system under its feedback,
with the controls clipped. R. Kalman, "Contributions to the theory of optimal control" (1960).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_control.errors import PlanError
from taskloom_control.optimizers.backward import backward_pass
from taskloom_control.optimizers.base import TrajectoryOptimizer
from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.expansion import Expansion, Trajectory

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import KnotShape
    from taskloom_control.optimizers.linear import LocalModel
    from taskloom_control.planning.problem import PlanningProblem


class LQR(TrajectoryOptimizer):
    """Optimal linear feedback around the setpoint.

    The system is linearized at the task's setpoint, and the feedback is optimal over the horizon.
    """

    expands_each_plan: ClassVar[bool] = False
    kind: Literal["lqr"] = "lqr"
    epsilon: Annotated[float, Field(gt=0, lt=0.1)] = 1e-6
    """Step of the finite differences through the physics; physics that is affine takes at least a thousandth."""

    def init(self, shape: KnotShape) -> ControlState:
        """Return a state that will keep the regulator."""
        return ControlState(shape)

    def improve(self, state: ControlState, problem: PlanningProblem) -> float:
        """Roll out the feedback from the current state; return the reward."""
        local = state.local_model(problem, self.epsilon)
        # Solved once: a resumed run takes the solution from its checkpoint, since the target may have moved meanwhile.
        kept = state.kept = state.kept or self._solve(len(state.nominal), problem, local)
        nothing = np.zeros((0, 0))
        target = Trajectory(nothing, kept["qpos"], kept["rest"], kept["controls"], nothing, 0.0)
        path = local.simulate(kept["controls"], target, kept["gains"])
        # A rollout that diverges leaves the plan of before, which is at least a plan.
        if np.isfinite(path.cost):
            state.nominal = problem.normalizer.encode(path.controls)
        return -path.cost

    def _solve(
        self, steps: int, problem: PlanningProblem, local: LocalModel
    ) -> dict[str, np.ndarray]:
        """Expand at the setpoint and solve the regulator; return the target and the feedback around it."""
        qpos, controls = problem.task.setpoint()
        single, drift = local.at(qpos, controls)
        model = local.expand(single)
        stacked = Expansion(**{k: np.repeat(v, steps, axis=0) for k, v in vars(model).items()})
        # Without bounds the feedback is linear everywhere; the rollout clips its controls.
        free = np.full((steps, local.model.nu), np.inf)
        policy = backward_pass(stacked, np.tile(drift, (steps, 1)), -free, free, 0.0)
        if policy is None:
            raise PlanError(
                f"LQR cannot be used for {type(problem.task).__name__}: at its setpoint the cost is not convex in the controls."
            )
        return {
            "qpos": np.tile(single.qpos[1], (steps + 1, 1)),
            "rest": np.tile(single.rest[1], (steps + 1, 1)),
            "controls": np.tile(controls, (steps, 1)) + policy.steps,
            "gains": policy.gains,
        }
